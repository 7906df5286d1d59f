"""The one script that Streamlit runs, once for every interaction. All it does lies in modules, read once."""

from pages.ui import frame

frame.draw()
