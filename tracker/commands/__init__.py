"""What each command does. Answers are printed here; rules live where they belong."""

from tracker.commands import accounts, backups, bills, days, numbers, prices, upkeep
from tracker.commands.base import Command, WrongUse

COMMANDS: dict[str, Command] = {
    **accounts.COMMANDS,
    **numbers.COMMANDS,
    **bills.COMMANDS,
    **prices.COMMANDS,
    **days.COMMANDS,
    **upkeep.COMMANDS,
    **backups.COMMANDS,
}

__all__ = ["COMMANDS", "Command", "WrongUse"]
