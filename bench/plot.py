"""Rows as a picture: for each a bar and its baseline's, on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from bench.row import Row

_WIDTH, _LEFT, _RIGHT = 800, 12, 530  # the labels of the longest bars need what is right of them
_TOP, _STEP, _BAR = 40, 62, 14
_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.name { font-weight: 600 }
.scale { font-size: 11px; fill: #57606a }
.grid { stroke: #d0d7de }
.measured { fill: #1f6f8b }
.baseline { fill: #a8b1ba }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .scale { fill: #9198a1 }
  .grid { stroke: #3d444d }
  .measured { fill: #5ab4d1 }
  .baseline { fill: #656c76 }
}
"""


def plot(rows: Sequence[Row]) -> str:
    """An SVG that needs no font or file beside it; ``rows`` are in seconds."""
    low, high = decades([value for row in rows for value in (row.value, row.baseline_value)])
    height = _TOP + _STEP * len(rows) + 8
    body = [_grid(low, high, height)]
    body += [_bars(row, _TOP + _STEP * number, low, high) for number, row in enumerate(rows)]
    told = "; ".join(
        f"{row.name}: {row.number(row.value)}, {row.baseline}: {row.number(row.baseline_value)}"
        for row in rows
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}"'
        f' height="{height}" role="img" aria-labelledby="title told">\n'
        f'<title id="title">How long devbox takes, beside what each is compared with</title>\n'
        f'<desc id="told">{escape(told)}</desc>\n'
        f"<style>\n{_STYLE}</style>\n{''.join(body)}</svg>\n"
    )


def decades(values: Sequence[float]) -> tuple[int, int]:
    """Powers of ten, all values between them, and at least one apart."""
    low = math.floor(math.log10(min(values, default=1)))
    high = math.ceil(math.log10(max(values, default=10)))
    return low, max(high, low + 1)


def place(value: float, low: int, high: int) -> float:
    """Where a bar of so many seconds ends, in pixels from the left."""
    return _LEFT + (_RIGHT - _LEFT) * (math.log10(value) - low) / (high - low)


def _grid(low: int, high: int, height: int) -> str:
    lines = []
    for power in range(low, high + 1):
        x = place(10.0**power, low, high)
        lines.append(
            f'<line class="grid" x1="{x:.1f}" y1="24" x2="{x:.1f}" y2="{height}"/>\n'
            f'<text class="scale" x="{x:.1f}" y="16" text-anchor="{"start" if power == low else "middle"}">'
            f"{10.0**power:g} s</text>\n"
        )
    note = f'<text class="scale" x="{_WIDTH - 12}" y="16" text-anchor="end">logarithmic scale</text>\n'
    return "".join(lines) + note


def _bars(row: Row, top: int, low: int, high: int) -> str:
    measured = _bar("measured", row.value, row.number(row.value), top + 20, low, high)
    label = f"{row.number(row.baseline_value)}, {row.baseline}"
    baseline = _bar("baseline", row.baseline_value, label, top + 20 + _BAR + 3, low, high)
    return f'<text class="name" x="{_LEFT}" y="{top + 14}">{escape(row.name)}</text>\n{measured}{baseline}'


def _bar(kind: str, value: float, label: str, top: int, low: int, high: int) -> str:
    end = place(value, low, high)
    return (
        f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{max(end - _LEFT, 1):.1f}" height="{_BAR}"/>\n'
        f'<text x="{max(end, _LEFT + 1) + 6:.1f}" y="{top + 12}">{escape(label)}</text>\n'
    )
