"""A chart of bars as SVG: one row for each thing, its median as the bar and the spread of its rounds as a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from statistics import median
from typing import Final

WIDTH: Final = 860
LABEL: Final = 380
ROW: Final = 26
BAR: Final = 14
TOP: Final = 64
FONT: Final = 'font-family="system-ui, sans-serif" font-size="13"'
COLOURS: Final = ("#2f6f9f", "#c9772b", "#7a7a7a", "#4f8a4f")
"""That of a row is said by its group; each can be told from its neighbours on white and on black."""
INK: Final = "#777777"
MARKED_ROOM: Final = 90
"""To the right of the longest bar, for its figure."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One row; rows of one group have one colour."""

    label: str
    group: int
    values: Sequence[float]


def chart(title: str, unit: str, bars: Sequence[Bar]) -> str:
    """The picture of these rows, from zero, in this unit. At least one row, each with at least one value."""
    longest = max(max(bar.values) for bar in bars)
    scale = (WIDTH - LABEL - MARKED_ROOM) / longest
    height = TOP + ROW * len(bars) + 12
    rows = [line for number, bar in enumerate(bars) for line in _row(bar, TOP + ROW * number, scale)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" {FONT} fill="{INK}">',
            f"<title>{escape(title)}</title>",
            f'<text x="8" y="24" font-size="16" font-weight="600">{escape(title)}</text>',
            f'<text x="8" y="46">{escape(unit)}</text>',
            *rows,
            "</svg>",
            "",
        ]
    )


def _row(bar: Bar, top: float, scale: float) -> list[str]:
    middle, low, high = (LABEL + value * scale for value in (median(bar.values), min(bar.values), max(bar.values)))
    baseline, centre = top + BAR - 2, top + BAR / 2
    return [
        f'<text x="{LABEL - 10}" y="{baseline}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect x="{LABEL}" y="{top}" width="{middle - LABEL:.1f}" height="{BAR}" rx="2" fill="{COLOURS[bar.group % len(COLOURS)]}"/>',
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{centre}" y2="{centre}" stroke="{INK}" stroke-width="2"/>',
        f'<text x="{high + 8:.1f}" y="{baseline}">{median(bar.values):.0f}</text>',
    ]
