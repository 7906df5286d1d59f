"""OpenAI's answers as rows: which fields a usage family has and how each is read. More is tolerated, nonsense not.

Source: openai/openai-openapi f85dbe2 (2026-08-21) and the official SDK 3.54.0, read 2026-11. Since August 2026 the
audio and image input fields mean uncached tokens only; our measures count them with their cached part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

from tracker.errors import PayloadChanged
from tracker.redact import redact
from tracker.usage import DIMENSIONS, MAX_ABOUT, BilledCost, Dimensions, Measures, RowSetAside, UsageRecord

Json = Any

STANDARD = ("project_id", "user_id", "api_key_id", "model")

# A line item names a model when only words like these follow its first comma ("cached input", "input_tokens");
# any other text is a service. Seen live by others, 2026-11.
LINE_ITEM_WORDS = frozenset(
    [
        "input",
        "output",
        "cached",
        "cache",
        "write",
        "read",
        "audio",
        "image",
        "images",
        "text",
        "tokens",
        "characters",
        "duration",
        "seconds",
    ],
)


MAX_AMOUNT, MAX_QUANTITY = 10**9, 10**18
"""No line of a day's bill is a billion dollars, nor counts more than 10¹⁸ units (byte-hours are many)."""

MAX_SHOWN = 60
"""Characters of a value shown in a sentence."""


@dataclass(frozen=True)
class Family:
    """A usage family: its path, what may be grouped by, and which field holds which measure (required ones first)."""

    name: str
    group_by: tuple[str, ...]
    required: Mapping[str, str]
    optional: Mapping[str, str]

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """The fields that say what a row is about."""
        return (*self.group_by, "api_source")


def _family(
    name: str,
    group_by: tuple[str, ...],
    required: Mapping[str, str],
    optional: Mapping[str, str] | None = None,
) -> Family:
    return Family(name, group_by, required, optional or {})


REQUESTS = {"requests": "num_model_requests"}

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        _family(
            "completions",
            (*STANDARD, "batch", "service_tier"),
            {"input_tokens": "input_tokens", "output_tokens": "output_tokens", **REQUESTS},
            {
                name: name
                for name in (
                    "input_cached_tokens",
                    "input_cache_write_tokens",
                    "input_audio_tokens",
                    "input_cached_audio_tokens",
                    "output_audio_tokens",
                    "input_image_tokens",
                    "input_cached_image_tokens",
                    "output_image_tokens",
                )
            },
        ),
        _family("embeddings", STANDARD, {"input_tokens": "input_tokens", **REQUESTS}),
        _family("moderations", STANDARD, {"input_tokens": "input_tokens", **REQUESTS}),
        _family("images", (*STANDARD, "size", "source"), {"images": "images", **REQUESTS}),
        _family("audio_speeches", STANDARD, {"characters": "characters", **REQUESTS}),
        _family("audio_transcriptions", STANDARD, {"seconds": "seconds", **REQUESTS}),
        _family("vector_stores", ("project_id",), {"bytes": "usage_bytes"}),
        _family("code_interpreter_sessions", ("project_id",), {"sessions": "num_sessions"}),
        _family(
            "file_search_calls",
            ("project_id", "user_id", "api_key_id", "vector_store_id"),
            {"requests": "num_requests"},
        ),
        _family(
            "web_search_calls",
            (*STANDARD, "context_level"),
            {"requests": "num_requests"},
            {"model_requests": "num_model_requests"},
        ),
    )
}

# Fields that are read, or that only repeat what others say (the uncached and text parts follow from the rest).
DERIVED_FIELDS = frozenset(
    {"object", "input_uncached_tokens", "input_text_tokens", "output_text_tokens", "input_cached_text_tokens"},
)
CACHED_BESIDE = tuple((f"input_{kind}_tokens", f"input_cached_{kind}_tokens") for kind in ("audio", "image"))
BILL_DIMENSIONS = ("line_item", "project_id", "api_key_id")
COST_FIELDS = frozenset({"object", "amount", *BILL_DIMENSIONS, "quantity", "quantity_unit"})


def usage_rows(family: Family, bucket: Json, *, width_s: int) -> Iterator[UsageRecord | RowSetAside]:
    """The rows of one bucket; set aside, with field and value, what cannot be true."""
    start = bucket_start(bucket)
    if wrong := _misplaced(bucket, width_s):
        yield from bucket_aside(family, bucket, wrong)
        return
    for row in results(bucket):
        try:
            yield UsageRecord(start, _dimensions(family, row, width_s), _measures(family, row))
        except ValueError as error:
            yield row_aside(family, start, str(error), row)


def cost_rows(bucket: Json) -> Iterator[BilledCost | RowSetAside]:
    """The lines of one day's bill. `amount.value` is dollars, a number or a string; a line may lack it."""
    start = bucket_start(bucket)
    if wrong := _misplaced(bucket, 86_400):
        yield from bucket_aside(None, bucket, wrong)
        return
    for row in results(bucket):
        try:
            yield _cost(start.date(), row)
        except ValueError as error:
            yield row_aside(None, start, str(error), row)


def row_aside(family: Family | None, start: datetime, wrong: str, row: Mapping[str, Json]) -> RowSetAside:
    """A row of a family (None: a line of the bill) in the bucket from `start`, with what is wrong with it."""
    about = _about(row, family.dimensions if family else BILL_DIMENSIONS)
    return RowSetAside(start.date(), redact(f"OpenAI's {_named(family, start)}: {wrong}."), about)


def bucket_aside(family: Family | None, bucket: Json, wrong: str, *, day: date | None = None) -> Iterator[RowSetAside]:
    """A bucket's rows as one, for its own day or for one that was asked for; nothing where it has no rows."""
    start, rows = bucket_start(bucket), len(results(bucket))
    if rows:
        about = f"{rows} rows" if rows > 1 else "1 row"
        yield RowSetAside(day or start.date(), f"OpenAI's {_named(family, start)}: its bucket {wrong}.", about, rows)


def _named(family: Family | None, start: datetime) -> str:
    return f"{family.name} of {start:%Y-%m-%d %H:%M} UTC" if family else f"costs of {start:%Y-%m-%d}"


def _about(row: Mapping[str, Json], names: Sequence[str]) -> str:
    """Which row it is, as far as it says so itself."""
    texts = ((name, row.get(name)) for name in names)
    told = (f"{name}={redact(str(text))[:MAX_SHOWN]}" for name, text in texts if isinstance(text, str | bool))
    return "; ".join(told).replace("\x00", "")[:MAX_ABOUT]


def unknown_fields(family: Family | None, bucket: Json) -> Counter[str]:
    """How often each field came that this version does not read (shown by `python -m tracker unknown-fields`)."""
    rows, known = results(bucket), known_fields(family)
    if known.issuperset(chain.from_iterable(rows)):
        return Counter()
    return Counter(name for row in rows for name in row if name not in known)


@lru_cache(maxsize=32)
def _known(name: str | None) -> frozenset[str]:
    if name is None:
        return COST_FIELDS
    family = FAMILIES[name]
    return DERIVED_FIELDS | set(DIMENSIONS) | set(family.required.values()) | set(family.optional.values())


def known_fields(family: Family | None) -> frozenset[str]:
    """The fields of a usage family's row (None: of a bill line) that are read or follow from those."""
    return _known(family.name if family else None)


def results(bucket: Json) -> list[dict[str, Json]]:
    """The bucket's rows; older answers spell the list `result`."""
    rows = bucket.get("results", bucket.get("result")) if isinstance(bucket, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PayloadChanged("OpenAI answered with a bucket that has no list of results.")
    return rows


def bucket_start(bucket: Json) -> datetime:
    """When it begins (UTC)."""
    return datetime.fromtimestamp(_times(bucket)[0], UTC)


def _times(bucket: Json) -> tuple[int, int]:
    """Its start and end in seconds since 1970."""
    try:
        start, end = whole(bucket["start_time"], "start_time"), whole(bucket["end_time"], "end_time")
    except (KeyError, TypeError, ValueError) as error:
        raise PayloadChanged(f"OpenAI answered with a bucket without proper times: {error}.") from None
    if not 0 <= start < end <= 2**33:
        raise PayloadChanged(f"OpenAI answered with a bucket from {start} to {end}, which is no span of time.")
    return start, end


def _misplaced(bucket: Json, width_s: int) -> str | None:
    """What is wrong with a bucket between the full hours or days, or longer than one: its usage would be told twice.

    It may be cut short by the present.
    """
    start, end = _times(bucket)
    if late := start % width_s:
        return f"begins {late} seconds late and overlaps another"
    if end - start > width_s:
        return f"lasts {end - start} seconds instead of {width_s} and overlaps another"
    return None


def whole(value: Json, name: str) -> int:
    """A count: an integer, digits in a string, or a number without a fraction. ValueError for anything else."""
    if type(value) is int:  # not a bool, which is an int too
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        return int(value)
    if isinstance(value, Decimal) and value == value.to_integral_value() and abs(value) < 2**63:
        return int(value)
    raise ValueError(f"{name} is {_shown(value)}; a whole number is expected")


def text(value: Json, name: str) -> str | None:
    """A dimension as it came, less NUL (PostgreSQL holds none); null stays None."""
    if value is None or isinstance(value, str):
        return value.replace("\x00", "") if value else value
    raise ValueError(f"{name} is {_shown(value)}; text is expected")


def line_item_model(line_item: str | None) -> str | None:
    """The model a line item names ('gpt-4o, cached input' → 'gpt-4o'), None for a service line."""
    model, comma, kind = (line_item or "").partition(", ")
    words = kind.replace("_", " ").split()
    return model if comma and words and LINE_ITEM_WORDS.issuperset(words) else None


def _shown(value: Json) -> str:
    if isinstance(value, Decimal):
        return str(value)[:MAX_SHOWN] if value.is_finite() else "NaN, Infinity or a number out of range"
    return repr(value)[:MAX_SHOWN] if value is not None else "missing"


def _dimensions(family: Family, row: Mapping[str, Json], width_s: int) -> Dimensions:
    values = [row.get(name) for name in family.dimensions]
    try:
        return interned_dimensions(family.name, width_s, *values)
    except TypeError:  # an object or a list can be no key: it is no dimension either, which is said here
        return _made_dimensions(family.name, width_s, *values)


def _made_dimensions(usage_type: str, width_s: int, *values: Json) -> Dimensions:
    told = dict(zip(FAMILIES[usage_type].dimensions, values, strict=True))
    batch = told.pop("batch", None)
    if batch is not None and not isinstance(batch, bool):
        raise ValueError(f"batch is {_shown(batch)}; true or false is expected")
    texts = {name: text(value, name) for name, value in told.items()}
    return Dimensions(usage_type=usage_type, width_s=width_s, batch=batch, **texts)


# Typed, because 1 is True as a key, and false as a dimension. What raises is not kept.
interned_dimensions = lru_cache(maxsize=20_000, typed=True)(_made_dimensions)


def _measures(family: Family, row: Mapping[str, Json]) -> Measures:
    counts: dict[str, int | None] = {ours: whole(row.get(field), field) for ours, field in family.required.items()}
    for ours, field in family.optional.items():
        if (count := row.get(field)) is not None:
            counts[ours] = whole(count, field)
    for whole_name, cached_name in CACHED_BESIDE:
        if cached_name in counts:
            _include_cached(counts, whole_name, cached_name)
    return Measures(**counts)


def _include_cached(counts: dict[str, int | None], whole_name: str, cached_name: str) -> None:
    uncached, cached = counts.get(whole_name), counts.get(cached_name)
    if uncached is not None and cached is not None:
        counts[whole_name] = uncached + cached


def _cost(day: date, row: Mapping[str, Json]) -> BilledCost:
    amount, currency = _money(row.get("amount"))
    line_item = text(row.get("line_item"), "line_item")
    return BilledCost(
        day=day,
        amount=amount,
        currency=currency,
        line_item=line_item,
        model=line_item_model(line_item),
        project_id=text(row.get("project_id"), "project_id"),
        api_key_id=text(row.get("api_key_id"), "api_key_id"),
        quantity=_decimal(row.get("quantity"), "quantity", most=MAX_QUANTITY),
        quantity_unit=text(row.get("quantity_unit"), "quantity_unit"),
    )


def _money(amount: Json) -> tuple[Decimal | None, str]:
    """Amount and currency. Only a line without an amount may lack the currency: dollars are never assumed."""
    if amount is not None and not isinstance(amount, dict):
        raise ValueError(f"amount is {_shown(amount)}; an object with value and currency is expected")
    told = amount or {}
    value, currency = _decimal(told.get("value"), "amount.value", most=MAX_AMOUNT), told.get("currency")
    if value is None and currency is None:
        return None, "usd"
    code = (text(currency, "amount.currency") or "").lower()
    if not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise ValueError(f"amount.currency is {_shown(currency)}; three letters like usd are expected")
    return value, code


def _decimal(value: Json, name: str, *, most: int) -> Decimal | None:
    if value is None:
        return None
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) > most:
        raise ValueError(f"{name} is {_shown(value)}; a number up to {most} is expected")
    return number
