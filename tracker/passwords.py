"""Which passwords may be used: long enough, in no list, and not one of the patterns that every guesser tries first.

Lists and patterns are zxcvbn's, which ship with it: 30,000 leaked passwords, names and words, keyboards, dates and
repetitions. No kind of character is asked for. Bounds after OWASP ASVS 5.0, 6.2 and NIST SP 800-63B-4, read 2026-11.
"""

from __future__ import annotations

import re

from zxcvbn import zxcvbn

from tracker.errors import BadInput

SHORTEST, LONGEST = 15, 128
FEWEST_GUESSES = 10**8
"""zxcvbn's third score of four: out of reach at the sign-in, and behind Argon2id for long in a stolen table."""

EXAMINED = 72
"""zxcvbn looks at no more."""

CONTEXT = ("tracker", "usage", "llm", "openai", "anthropic", "openrouter", "chatgpt", "claude")


def check(password: str, email: str = "") -> None:
    """BadInput unless the password may be used for the account with that address. Nothing is trimmed or folded."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadInput(f"The password has {len(password)} characters. Choose one of {SHORTEST} to {LONGEST}.")
    try:
        password.encode()
    except UnicodeEncodeError:
        raise BadInput("The password holds a character that cannot be written as text. Choose another one.") from None
    if is_common(password, email):
        raise BadInput(
            "This password is in lists of leaked passwords, or one of the first that a guesser tries. "
            "Please choose another: four words that do not belong together are fine."
        )


def is_common(password: str, email: str = "") -> bool:
    """Whether few guesses find it, also for somebody who knows the product and the account's address."""
    known = [*CONTEXT, *filter(None, re.split(r"[^\w]+", email))]
    return bool(zxcvbn(password[:EXAMINED], user_inputs=known)["guesses"] < FEWEST_GUESSES)
