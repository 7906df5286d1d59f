"""What was used and billed: series, events, their daily rollup, the bill, prices and names.

Events are used through Core (`table_of`). Classes do not validate: build them from checked values only.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Index, LargeBinary, UniqueConstraint, true
from sqlmodel import Field, SQLModel

from tracker.columns import ROW_ID, BasisCode, ExactDecimal, NanoDollars, UtcDateTime, UtcDay, UtcSecond
from tracker.models.base import of_key
from tracker.usage import CostBasis

NONE_MODEL = "\N{EMPTY SET}"
"""Stands for "no model" in the key of `daily_usage`, where NULL may not be; providers name no model so."""


class UsageSeries(SQLModel, table=True):
    """The text of a row of usage, held once; `digest` is its natural key (NULL and '' differ)."""

    __tablename__ = "usage_series"
    __table_args__ = (
        UniqueConstraint("workspace_id", "digest"),
        of_key("workspace_id", "provider_key_id"),
        Index(None, "workspace_id", "provider_key_id", "usage_type"),  # read by ingest for the stored rows
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    workspace_id: int = Field(sa_type=BigInteger)
    provider_key_id: int = Field(sa_type=BigInteger)
    digest: bytes = Field(sa_type=LargeBinary)
    provider: str
    usage_type: str
    width_s: int
    model: str | None = None
    project_id: str | None = None
    api_key_id: str | None = None
    user_id: str | None = None
    service_tier: str | None = None
    batch: bool | None = None
    size: str | None = None
    source: str | None = None
    context_level: str | None = None
    vector_store_id: str | None = None
    api_source: str | None = None


class UsageEvent(SQLModel, table=True):
    """One row of one bucket. Clustered by its key; references are kept by ingest, not by the engine, for speed."""

    __tablename__ = "usage_events"
    __table_args__ = ({"sqlite_with_rowid": False},)

    workspace_id: int = Field(primary_key=True, sa_type=BigInteger)
    bucket_start: datetime = Field(primary_key=True, sa_type=UtcSecond)
    series_id: int = Field(primary_key=True, sa_type=BigInteger)
    requests: int | None = Field(default=None, sa_type=BigInteger)
    input_tokens: int | None = Field(default=None, sa_type=BigInteger)
    input_cached_tokens: int | None = Field(default=None, sa_type=BigInteger)
    input_cache_write_tokens: int | None = Field(default=None, sa_type=BigInteger)
    output_tokens: int | None = Field(default=None, sa_type=BigInteger)
    input_audio_tokens: int | None = Field(default=None, sa_type=BigInteger)
    input_cached_audio_tokens: int | None = Field(default=None, sa_type=BigInteger)
    output_audio_tokens: int | None = Field(default=None, sa_type=BigInteger)
    input_image_tokens: int | None = Field(default=None, sa_type=BigInteger)
    input_cached_image_tokens: int | None = Field(default=None, sa_type=BigInteger)
    output_image_tokens: int | None = Field(default=None, sa_type=BigInteger)
    images: int | None = Field(default=None, sa_type=BigInteger)
    characters: int | None = Field(default=None, sa_type=BigInteger)
    seconds: int | None = Field(default=None, sa_type=BigInteger)
    sessions: int | None = Field(default=None, sa_type=BigInteger)
    bytes: int | None = Field(default=None, sa_type=BigInteger)
    model_requests: int | None = Field(default=None, sa_type=BigInteger)
    estimated_cost: Decimal | None = Field(default=None, sa_type=NanoDollars)
    cost_basis: CostBasis = Field(sa_type=BasisCode)
    price_version_id: int | None = Field(default=None, sa_type=BigInteger)
    workspace_price_id: int | None = Field(default=None, sa_type=BigInteger)


class DaySums(SQLModel):
    """The sums of a day that both rollups hold; None where no part is known."""

    requests: int | None = Field(default=None, sa_type=BigInteger)
    input_tokens: int | None = Field(default=None, sa_type=BigInteger)
    input_cached_tokens: int | None = Field(default=None, sa_type=BigInteger)
    input_cache_write_tokens: int | None = Field(default=None, sa_type=BigInteger)
    output_tokens: int | None = Field(default=None, sa_type=BigInteger)
    input_audio_tokens: int | None = Field(default=None, sa_type=BigInteger)
    output_audio_tokens: int | None = Field(default=None, sa_type=BigInteger)
    estimated_cost: Decimal | None = Field(default=None, sa_type=NanoDollars)


class DailyUsage(DaySums, table=True):
    """The rollup: recomputed from the events of a day in the transaction that changed them, never incremented."""

    __tablename__ = "daily_usage"
    __table_args__ = (of_key("workspace_id", "provider_key_id"), {"sqlite_with_rowid": False})

    workspace_id: int = Field(primary_key=True, sa_type=BigInteger)
    day: date = Field(primary_key=True, sa_type=UtcDay)
    provider_key_id: int = Field(primary_key=True, sa_type=BigInteger)
    provider: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    rows: int
    unpriced_rows: int
    unpriced_requests: int = Field(sa_type=BigInteger)
    unpriced_input_tokens: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    unpriced_output_tokens: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    unpriced_tokenless_rows: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class SeriesDay(DaySums, table=True):
    """A UTC day of one series, made with the rollup: whatever a series tells can be asked of whole days at its cost."""

    __tablename__ = "series_days"
    __table_args__ = ({"sqlite_with_rowid": False},)

    workspace_id: int = Field(primary_key=True, sa_type=BigInteger)
    day: date = Field(primary_key=True, sa_type=UtcDay)
    series_id: int = Field(primary_key=True, sa_type=BigInteger)
    rows: int
    unpriced_rows: int
    unpriced_requests: int = Field(sa_type=BigInteger)
    unpriced_input_tokens: int = Field(sa_type=BigInteger)
    unpriced_output_tokens: int = Field(sa_type=BigInteger)
    unpriced_tokenless_rows: int


class BilledCostRow(SQLModel, table=True):
    """One line of the provider's bill. `dropped` names the dimensions the provider would not group by that day."""

    __tablename__ = "billed_costs"
    __table_args__ = (of_key("workspace_id", "provider_key_id"),)

    workspace_id: int = Field(primary_key=True, sa_type=BigInteger)
    provider_key_id: int = Field(primary_key=True, sa_type=BigInteger)
    day: date = Field(primary_key=True, sa_type=UtcDay)
    digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    provider: str
    line_item: str | None = None
    model: str | None = None
    project_id: str | None = None
    api_key_id: str | None = None
    currency: str
    amount: Decimal | None = Field(default=None, sa_type=NanoDollars)
    quantity: Decimal | None = Field(default=None, sa_type=ExactDecimal)
    quantity_unit: str | None = None
    dropped: str = ""


class PriceVersion(SQLModel, table=True):
    """Rates that priced an event. Never changed: other rates are another row.

    `rates` is the JSON of `ratecards.Region`, so that a cost can be explained after the list has changed; rows from
    before it was kept have none.
    """

    __tablename__ = "price_versions"
    __table_args__ = (UniqueConstraint("source", "provider", "model", "variant", "content_sha256"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    source: str
    provider: str
    model: str
    variant: str
    effective_from: date | None = Field(default=None, sa_type=UtcDay)
    content_sha256: str
    rates: str | None = None
    note: str | None = None
    first_used_at: datetime = Field(sa_type=UtcDateTime)


class Name(SQLModel, table=True):
    """What a provider's id is called, kept here because deleted projects and keys vanish from its lists."""

    __tablename__ = "names"
    __table_args__ = (of_key("workspace_id", "provider_key_id"),)

    workspace_id: int = Field(primary_key=True, sa_type=BigInteger)
    provider_key_id: int = Field(primary_key=True, sa_type=BigInteger)
    kind: str = Field(primary_key=True)
    ref: str = Field(primary_key=True)
    name: str | None = None


class Colour(SQLModel, table=True):
    """The slot of the palette in which a model, project or API key is drawn; given once, never changed.

    `spends` is whether it had cost anything by then.
    """

    __tablename__ = "colours"
    __table_args__ = ({"sqlite_with_rowid": False},)

    workspace_id: int = Field(primary_key=True, foreign_key="workspaces.id", sa_type=BigInteger)
    dimension: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    slot: int
    spends: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
