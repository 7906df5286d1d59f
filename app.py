"""The web process: Streamlit's pages behind our sign-in, our routes beside them, our headers on everything.

Run by `python3 dev.py up`, or `streamlit run app.py` after `python3 dev.py setup`.
"""

from __future__ import annotations

import logging
import sys

import streamlit as st
from starlette.middleware import Middleware

from pages.ui.failures import show_failure
from pages.web import sending, social
from pages.web.headers import Guard
from pages.web.routes import ROUTES
from pages.web.running import the_product
from tracker.errors import BadConfiguration
from tracker.redact import setup_logging

CONFIGURATION_EXIT = 78  # EX_CONFIG of sysexits.h

setup_logging(logging.INFO)
try:
    settings = the_product().settings
    told = social.secrets_of(settings)
except BadConfiguration as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(CONFIGURATION_EXIT)

app = st.App(
    "pages/main.py",
    routes=ROUTES,
    middleware=[Middleware(Guard, settings=settings)],
    lifespan=sending.at_once,
    secrets=told,
    on_script_error=show_failure,
)
