"""What each command does. Answers are printed here; rules live where they belong."""

from importlib import import_module

from tracker.commands.command import Command, WrongUse

MODULES = ("setting_up", "accounts", "numbers", "bills", "prices", "days", "upkeep", "backups")


def commands(asked: str | None) -> dict[str, Command]:
    """The commands of the module that has the one asked for, without loading those after it; all where none has it."""
    every: dict[str, Command] = {}
    for module in MODULES:
        found = import_module(f"{__name__}.{module}").COMMANDS
        if asked in found:
            return dict(found)
        every |= found
    return every


__all__ = ["Command", "WrongUse", "commands"]
