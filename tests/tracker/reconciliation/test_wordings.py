"""Line items as bills word them."""

from __future__ import annotations

import pytest

from tracker.reconciliation.lines import Item, item


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gpt-5.4, input", Item("gpt-5.4", "input")),
        ("gpt-4.1-2025-04-14, cached input", Item("gpt-4.1-2025-04-14", "cached input")),
        ("gpt-6-astra, input_tokens", Item("gpt-6-astra", "input")),
        ("gpt-6-astra, cached_input_tokens", Item("gpt-6-astra", "cached input")),
        ("gpt-5.4, Batch output", Item("gpt-5.4", "output", "batch")),
        ("whisper-1, duration", Item("whisper-1", "seconds")),
        ("Web search tool calls", Item("", "web search tool calls")),
        ("assistants api | file search", Item("", "assistants api | file search")),
        ("evals | gpt-4o, judged", Item("", "evals | gpt-4o, judged")),
        (", input", Item("", ", input")),
        ("input", Item("", "input")),
        (None, Item("", "")),
    ],
)
def test_a_wording_is_a_model_s_kind_of_token_or_else_a_service(text: str | None, expected: Item) -> None:
    assert item(text) == expected
