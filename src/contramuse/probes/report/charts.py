"""Dots with whiskers, and axes, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def span_of(cells: Sequence[Mapping[str, Any]], floor: float | None) -> tuple[float, float]:
    """Round limits that hold every value, interval and the floor."""
    values = [cell[key] for cell in cells for key in ("value", "low", "high") if cell[key] is not None]
    values += [floor] if floor is not None else []
    if not values:
        return 0.0, 1.0
    low, high = max(min(values), -1.0), max(values)
    step = nice_step(max(high - low, 0.05))
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return low, high if high > low else low + step


def nice_step(width: float, *, parts: int = 4) -> float:
    """1, 2 or 5 times a power of ten, so that about ``parts`` steps make ``width``."""
    raw = width / parts
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= raw * (1 - 1e-9))


def ticks(low: float, high: float, *, parts: int = 4) -> list[float]:
    """Round numbers from ``low`` to ``high``."""
    step = nice_step(high - low, parts=parts)
    first = math.ceil(low / step - 1e-6)
    return [i * step for i in range(first, math.floor(high / step + 1e-6) + 1)]


def whisker(
    cell: Mapping[str, Any],
    low: float,
    high: float,
    *,
    floor: float | None,
    css: str,
    height: int = 26,
    others: Sequence[tuple[str, float]] = (),
) -> str:
    """One row's line: interval and value between ``low`` and ``high``, the floor dashed; stretches with the page.

    Args:
        cell: "value", and "low" and "high" (both None: no interval).
        low, high: ends of the axis; what lies outside is drawn at the end.
        floor: what is dashed.
        css: class of the system.
        height: of the row in pixels.
        others: (class, value) of systems whose dots are drawn small and without whiskers.
    """

    def x(value: float) -> str:
        return f"{2 + 96 * min(1.0, max(0.0, (value - low) / (high - low))):.2f}%"

    middle = height // 2
    upright = f'y1="0" y2="{height}"'
    parts = [f'<svg class="whisker {css}" width="100%" height="{height}" aria-hidden="true">']
    parts += [f'<line class="grid" x1="{x(t)}" x2="{x(t)}" {upright}/>' for t in ticks(low, high)]
    if floor is not None:
        parts.append(f'<line class="floor" x1="{x(floor)}" x2="{x(floor)}" {upright}/>')
    if cell["low"] is not None:
        parts.append(f'<line class="span" x1="{x(cell["low"])}" x2="{x(cell["high"])}" y1="{middle}" y2="{middle}"/>')
        caps = f'y1="{middle - 4}" y2="{middle + 4}"'
        parts += [f'<line class="cap" x1="{x(cell[k])}" x2="{x(cell[k])}" {caps}/>' for k in ("low", "high")]
    parts += [f'<g class="{other}"><circle class="dot" cx="{x(v)}" cy="{middle}" r="3"/></g>' for other, v in others]
    if cell["value"] is not None:
        parts.append(dot(css, x(cell["value"]), middle))
    return "".join([*parts, "</svg>"])


def dot(css: str, x: str, y: int) -> str:
    """The mark of a system: models differ by shape as well as by colour, baselines are hollow circles."""
    shapes = {"m1": "-4.5,-4.5 4.5,-4.5 4.5,4.5 -4.5,4.5", "m2": "0,-6 6,0 0,6 -6,0", "m3": "0,-6 5.5,4.5 -5.5,4.5"}
    shapes |= {"m4": "0,6 5.5,-4.5 -5.5,-4.5", "m5": "-6,-2.5 6,-2.5 6,2.5 -6,2.5"}
    if css not in shapes:
        return f'<circle class="dot" cx="{x}" cy="{y}" r="5"/>'
    return f'<svg x="{x}" y="{y}" class="shape"><polygon class="dot" points="{shapes[css]}"/></svg>'


def axis(low: float, high: float) -> str:
    """The numbers under a column of whiskers."""
    texts = []
    shown = ticks(low, high)
    for i, t in enumerate(shown):
        x = 2 + 96 * (t - low) / (high - low)
        anchor = "start" if x < 6 else "end" if x > 94 else "middle"
        hidden = ' class="minor"' if i % 2 else ""
        texts.append(f'<text x="{x:.2f}%" y="12" text-anchor="{anchor}"{hidden}>{label(t, high - low)}</text>')
    return f'<svg class="axis" width="100%" height="16" aria-hidden="true">{"".join(texts)}</svg>'


def label(value: float, width: float) -> str:
    """A number with as many decimals as a range of ``width`` needs."""
    if abs(value) >= 1000:
        return f"{value / 1000:g}k"
    decimals = min(4, max(0, 1 - math.floor(math.log10(max(width, 1e-9)))))
    text = f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text
