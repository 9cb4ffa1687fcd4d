"""The table `[tracing]`: where spans of calls are sent, how many, and what they say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from meridian.settings_sections import OtlpSettings

Shown = Literal["account", "principal", "key", "alias"]


class TracingSettings(OtlpSettings):
    """A collector that takes spans, by OTLP over gRPC."""

    sample_ratio: float = Field(1.0, ge=0, le=1)
    """Of the traces that begin here; what a caller has decided of his own counts."""
    waiting_max: int = Field(4096, ge=64, le=1_048_576)
    """Spans that wait to be sent; more are dropped, and counted."""
    attributes: Annotated[tuple[Shown, ...], Field(max_length=4)] = ()
    """What spans tell besides that names somebody."""
