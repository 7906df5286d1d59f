"""What a browser's tab sends the dashboard over its socket, and which of its switches the server told it of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

PATH = "/_stcore/stream"


@dataclass(frozen=True)
class Switch:
    """A choice among a few; `fragment` is the part of the page that is drawn again for it, "" the whole page."""

    widget: str
    fragment: str

    def choose(self, value: str) -> BackMsg:
        """The message of a browser in which `value` was chosen."""
        message = opening()
        message.rerun_script.fragment_id = self.fragment
        state = message.rerun_script.widget_states.widgets.add()
        state.id = self.widget
        state.string_array_value.data.append(value)
        return message


def opening() -> BackMsg:
    """The message of a page that was just loaded."""
    message = BackMsg()
    message.rerun_script.query_string = ""
    return message


def switches(told: Iterable[ForwardMsg]) -> dict[str, Switch]:
    """The switches of a page by their names in its address."""
    groups = ((each.delta.fragment_id, each.delta.new_element.button_group) for each in told)
    return {group.query_param_key: Switch(str(group.id), of) for of, group in groups if group.query_param_key}


def is_last(message: ForwardMsg) -> bool:
    """Whether the script has ended; AssertionError when it did not end well."""
    if message.WhichOneof("type") != "script_finished":
        return False
    well = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
    assert message.script_finished in well, message.script_finished
    return True
