"""streamlit-authenticator's sign-in and sign-up forms in front of our own accounts.

Only its widgets are used: they hand what was typed to a `Door`. Its cookie, its hashing, its user list and its other
features are never built (they cannot end a session, and run on a password without its surrounding spaces).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit_authenticator.views import Authenticate

from tracker.passwords import SHORTEST

PASSWORD_RULE = f"At least {SHORTEST} characters. A sentence is fine; spaces count. No rules about symbols."

SIGN_IN = {"Form name": "Sign in", "Username": "E-mail", "Password": "Password", "Login": "Sign in"}
SIGN_UP_KEY = "sign-up"
SIGN_UP = {
    "Form name": "Create your account",
    "First name": "First name (optional)",
    "Last name": "Last name (optional)",
    "Email": "E-mail",
    "Password": "Password",
    "Repeat password": "Repeat the password",
    "Register": "Create account",
}

PURPOSES = {
    SIGN_IN["Username"]: "username",
    SIGN_IN["Password"]: "current-password",
}
NEW_PURPOSES = {
    SIGN_UP["First name"]: "given-name",
    SIGN_UP["Last name"]: "family-name",
    SIGN_UP["Email"]: "email",
    SIGN_UP["Password"]: "new-password",
    SIGN_UP["Repeat password"]: "new-password",
}
"""What each field is for, as a browser and a password manager know it (WCAG 2.2, 1.3.5)."""


@dataclass(frozen=True)
class Typed:
    """What somebody entered, exactly as typed."""

    email: str
    password: str
    repeated: str = ""
    name: str = ""


class Door:
    """Takes the place of the package's controller: hands on what was typed."""

    def __init__(self, *, sign_in: Callable[[Typed], bool], sign_up: Callable[[Typed], bool]) -> None:
        self._sign_in, self._sign_up = sign_in, sign_up

    def login(self, username: str = "", password: str = "", *_: Any, **_options: Any) -> bool:
        return self._sign_in(Typed(username, password))

    def register_user(
        self, first_name: str, last_name: str, email: str, _username: str, password: str, repeated: str, *_: Any
    ) -> tuple[str | None, str | None, str | None]:
        made = self._sign_up(Typed(email, password, repeated, f"{first_name} {last_name}"))
        return (email, email, first_name) if made else (None, None, None)


class NoCookie:
    """Takes the place of the package's cookie, which a script could read and nobody could take back."""

    def get_cookie(self) -> None:
        """There is none."""

    def set_cookie(self) -> None:
        """Ours is set by a route."""


class Purposeful:
    """A place of Streamlit's that names the purpose of each field put into it, whatever it is asked to say."""

    def __init__(self, place: Any, purposes: Mapping[str, str]) -> None:
        self._place, self._purposes = place, purposes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._place, name)

    def columns(self, *asked: Any, **options: Any) -> list[Purposeful]:
        return [Purposeful(column, self._purposes) for column in self._place.columns(*asked, **options)]

    def subheader(self, words: str) -> Any:
        """Without its link to itself, which the keyboard would stop at and nobody sees."""
        return self._place.subheader(words, anchor=False)

    def text_input(self, label: str, **options: Any) -> Any:
        return self._place.text_input(label, **{**options, "autocomplete": self._purposes[label]})


class NamesLast(Purposeful):
    """The form of a new account. The package asks for names first; they may be left out, so they stand last here."""

    def __init__(self, form: Any, purposes: Mapping[str, str]) -> None:
        super().__init__(form.container(), purposes)
        self._names: Any = form.container()
        self.form_submit_button = form.form_submit_button  # below both

    def columns(self, *asked: Any, **options: Any) -> list[Purposeful]:
        """The first ones asked for are those of the names."""
        names, self._names = self._names, None
        return Purposeful(names or self._place, self._purposes).columns(*asked, **options)


class Streamlit:
    """What the package (0.4.2) draws with: by itself it writes autocomplete="off" into every field."""

    def __getattr__(self, name: str) -> Any:
        return getattr(st, name)

    def form(self, key: str, **options: Any) -> Purposeful:
        drawn = st.form(key, **options)
        return NamesLast(drawn, NEW_PURPOSES) if key == SIGN_UP_KEY else Purposeful(drawn, PURPOSES)


sys.modules[Authenticate.__module__].st = Streamlit()  # type: ignore[attr-defined]


class Forms(Authenticate):  # type: ignore[misc]  # the package ships no types
    """The two forms. The package's own constructor is left out: it would mount its cookie's frame."""

    def __init__(self, door: Door) -> None:  # the parent's sets what is not used here
        self.api_key = self.path = None
        self.secret_key = ""
        self.attrs = {"login_sleep_time": 0, "password_instructions": PASSWORD_RULE}
        self.authentication_controller = door
        self.cookie_controller = NoCookie()

    def draw_sign_in(self, email: str) -> None:
        """With an address to begin with it is drawn here as the package would draw it: its own field begins empty."""
        if not email:
            self.login(fields=SIGN_IN, key="sign-in")
            return
        with st.form("sign-in-again"):
            st.subheader(SIGN_IN["Form name"], anchor=False)
            typed = st.text_input(SIGN_IN["Username"], value=email, autocomplete="username", max_chars=300)
            password = st.text_input(SIGN_IN["Password"], type="password", autocomplete="current-password")
            sent = st.form_submit_button(SIGN_IN["Login"])
        if sent:
            self.authentication_controller.login(typed, password)

    def draw_sign_up(self) -> None:
        self.register_user(
            fields=SIGN_UP, key=SIGN_UP_KEY, captcha=False, password_hint=False, merge_username_email=True
        )
