"""The sandbox's organisations: who belongs to them, what they call things, and which programs they run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tracker.sandbox.traffic import Program, Request

ANY_TIME = datetime(2025, 1, 1, tzinfo=UTC)

ASSISTANT, SEARCH, RESEARCH, OLD = "proj_assistant", "proj_search", "proj_research", "proj_legacy"


@dataclass(frozen=True)
class Organisation:
    """Names are rows of the look-up lists; `programs` make its traffic."""

    name: str
    programs: tuple[Program, ...] = ()
    projects: tuple[tuple[str, str | None, str], ...] = ()
    keys: tuple[tuple[str, str, str], ...] = ()
    users: tuple[tuple[str, str | None, str], ...] = ()
    service_accounts: tuple[tuple[str, str, str], ...] = ()


def _runs(an_hour: float, family: str, project: str, *, around_the_clock: bool = False, **request: Any) -> Program:
    return Program(Request(ANY_TIME, family, project, **request), an_hour, around_the_clock)


def _daily(family: str, project: str, **request: Any) -> Program:
    return Program(Request(ANY_TIME, family, project, **request), 1, once_a_day=True)


CHAT: dict[str, Any] = {"key": "key_chat", "user": "user-ada", "tier": "default"}

ACME = Organisation(
    "acme",
    programs=(
        _runs(3, "completions", ASSISTANT, model="gpt-5.4", text=1_800, cached=2_400, out_text=420, **CHAT),
        _runs(
            0.3,
            "completions",
            RESEARCH,
            key="key_papers",
            user="user-lin",
            tier="default",
            model="gpt-5.4",
            text=600_000,
            out_text=3_000,
        ),
        _runs(4, "completions", ASSISTANT, model="gpt-4o-mini-2024-07-18", text=900, cached=700, out_text=260, **CHAT),
        _runs(
            1,
            "completions",
            SEARCH,
            key="key_rank",
            user="svc_ranker",
            tier="priority",
            model="gpt-4.1-mini",
            text=700,
            cached=300,
            out_text=60,
        ),
        _runs(
            1,
            "completions",
            SEARCH,
            key="key_rank",
            user="svc_ranker",
            tier="flex-tier",
            model="gpt-5-mini",
            text=2_000,
            cached=500,
            out_text=300,
        ),
        _runs(
            0.8,
            "completions",
            RESEARCH,
            key="key_papers",
            user="user-lin",
            tier="default",
            model="gpt-6-luna",
            text=1_500,
            cached=3_000,
            cache_write=2_500,
            out_text=900,
        ),
        _runs(
            1,
            "completions",
            RESEARCH,
            around_the_clock=True,
            key="key_night",
            user="svc_batch",
            tier="default",
            batch=True,
            model="gpt-4o-mini-2024-07-18",
            text=5_000,
            out_text=800,
        ),
        _runs(
            0.5,
            "completions",
            ASSISTANT,
            key="key_voice",
            user="user-ada",
            tier="default",
            model="gpt-realtime",
            text=300,
            cached=200,
            audio=1_500,
            cached_audio=900,
            image=150,
            cached_image=60,
            out_text=120,
            out_audio=1_100,
        ),
        _runs(
            0.4,
            "completions",
            ASSISTANT,
            key="key_chat",
            user="user-bo",
            tier="default",
            model="ft:gpt-4o-mini-2024-07-18:acme::abc123",
            text=1_000,
            out_text=200,
        ),
        _runs(
            0.4,
            "completions",
            RESEARCH,
            key="key_shared",
            user="user-lin",
            tier="incentivized-tier",
            model="gpt-5-mini",
            text=4_000,
            out_text=500,
        ),
        _runs(
            0.2, "completions", ASSISTANT, user="user-zoe", tier="default", model="gpt-4.1-mini", text=500, out_text=300
        ),
        _runs(
            0.2,
            "completions",
            RESEARCH,
            key="key_papers",
            user="user-lin",
            tier="default",
            model="acme-internal-preview",
            text=800,
            out_text=100,
        ),
        _runs(
            1.5,
            "embeddings",
            SEARCH,
            around_the_clock=True,
            key="key_index",
            user="svc_ranker",
            model="text-embedding-3-small",
            text=8_000,
        ),
        _runs(0.3, "embeddings", OLD, key="key_old", model="text-embedding-3-large", text=3_000),
        _runs(1, "moderations", ASSISTANT, key="key_chat", user="user-ada", model="omni-moderation-latest", text=900),
        _runs(
            0.3,
            "images",
            ASSISTANT,
            key="key_chat",
            user="user-bo",
            model="gpt-image-1",
            images=2,
            size="1024x1024",
            source="image.generation",
        ),
        _runs(
            0.1, "images", OLD, key="key_old", model="dall-e-3", images=1, size="1792x1024", source="image.generation"
        ),
        _runs(0.3, "audio_speeches", ASSISTANT, key="key_voice", user="user-ada", model="tts-1", characters=1_400),
        _runs(0.3, "audio_transcriptions", ASSISTANT, key="key_voice", user="user-ada", model="whisper-1", seconds=240),
        _daily("vector_stores", SEARCH, bytes=3_200_000_000),
        _runs(0.2, "code_interpreter_sessions", RESEARCH, sessions=1),
        _runs(0.5, "file_search_calls", SEARCH, key="key_rank", user="svc_ranker", vector_store="vs_handbook", calls=1),
        _runs(
            0.4,
            "web_search_calls",
            RESEARCH,
            key="key_papers",
            user="user-lin",
            model="gpt-5.4",
            context_level="medium",
            calls=2,
        ),
    ),
    projects=(
        (ASSISTANT, "Assistant \N{EM DASH} „Käte“", "active"),
        (SEARCH, '=1+1 Search & "Ranking"', "active"),
        (RESEARCH, "研究 Research", "active"),
        (OLD, "Legacy <2024>", "archived"),
    ),
    keys=(
        ("key_chat", "chat, production", ASSISTANT),
        ("key_voice", "voice", ASSISTANT),
        ("key_rank", "ranker", SEARCH),
        ("key_index", "+indexer", SEARCH),
        ("key_papers", "papers", RESEARCH),
        ("key_night", "night batch", RESEARCH),
        ("key_shared", "data sharing", RESEARCH),
    ),
    users=(
        ("user-ada", "Ada", "ada@acme.example"),
        ("user-bo", "Bo", "bo@acme.example"),
        ("user-lin", None, "lin@acme.example"),
        ("user-zoe", "Zoë", "zoe@acme.example"),
    ),
    service_accounts=(("svc_ranker", "ranker", SEARCH), ("svc_batch", "night batch", RESEARCH)),
)
GLOBEX = Organisation(
    "globex",
    programs=(
        _runs(
            1,
            "completions",
            "proj_globex",
            key="key_globex",
            user="user-gus",
            tier="default",
            model="gpt-4.1-mini",
            text=1_000,
            out_text=400,
        ),
        _runs(0.5, "embeddings", "proj_globex", key="key_globex", model="text-embedding-3-small", text=2_000),
    ),
    projects=(("proj_globex", "Globex", "active"),),
    keys=(("key_globex", "everything", "proj_globex"),),
    users=(("user-gus", "Gus", "gus@globex.example"),),
)
EMPTY = Organisation("empty", projects=(("proj_empty", "Default project", "active"),))

ORGANISATIONS = {each.name: each for each in (ACME, GLOBEX, EMPTY)}
