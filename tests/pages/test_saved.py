"""The popover of saved views: what is typed for one purpose serves no other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from tests.installation import EMAIL, PASSWORD
from tracker import access, product

PAGE = """
import json
from types import SimpleNamespace

from pages.ui import saved
from tracker import product
from tracker.explore.view import View

ready = product.start(json.loads({environ!r}), role="owner")
saved.draw(SimpleNamespace(product=ready, workspace_id=1, user_id=1), View())
ready.close()
"""


def test_a_view_is_saved_by_one_field_and_renamed_by_another(migrated_file: Path, tmp_path: Path) -> None:
    own = shutil.copyfile(migrated_file, tmp_path / "tracker.db")
    environ = {"TRACKER_DATABASE_URL": f"sqlite:///{own}", "TRACKER_DATA_DIR": str(tmp_path)}
    ready = product.start(environ, role="owner")
    access.add_user(ready.database, EMAIL, PASSWORD)
    ready.close()
    app = AppTest.from_string(PAGE.format(environ=json.dumps(environ)), default_timeout=30).run()
    assert [field.label for field in app.text_input] == ["Name for the view on screen"]

    app.text_input[0].input("Weekly")
    button(app, "Save this view").click().run()
    assert app.success[0].value == "“Weekly” is saved\\."
    other, new = app.text_input
    assert (other.label, new.label) == ("Another name for it", "Name for the view on screen")
    new.input("not this one")
    other.input("Every week")
    button(app, "Rename it").click().run()

    assert not app.exception
    assert app.success[0].value == "“Weekly” is now “Every week”\\."
    assert app.selectbox[0].options == ["Every week"]
    assert [field.value for field in app.text_input] == ["", "not this one"]


def button(app: AppTest, label: str) -> Button:
    return next(each for each in app.button if each.label == label)
