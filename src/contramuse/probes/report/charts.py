"""Charts as inline SVG: dots with whiskers, and curves. No text of the user is put in without ``escape``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

Points = Sequence[tuple[float, float]]


def span_of(cells: Sequence[Mapping[str, Any]], floor: float | None) -> tuple[float, float]:
    """Round limits that hold every value, interval and the floor."""
    values = [cell[key] for cell in cells for key in ("value", "low", "high") if cell[key] is not None]
    values += [floor] if floor is not None else []
    if not values:
        return 0.0, 1.0
    low, high = max(min(values), -1.0), max(values)
    step = nice_step(max(high - low, 0.05))
    low, high = math.floor((low - 1e-9) / step) * step, math.ceil((high + 1e-9) / step) * step
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


def whisker(cell: Mapping[str, Any], low: float, high: float, *, floor: float | None, css: str) -> str:
    """One row's line: interval and value between ``low`` and ``high``, the floor dashed; stretches with the page."""

    def x(value: float) -> str:
        return f"{2 + 96 * min(1.0, max(0.0, (value - low) / (high - low))):.2f}%"

    parts = [f'<svg class="whisker {css}" width="100%" height="26" aria-hidden="true">']
    parts += [f'<line class="grid" x1="{x(t)}" x2="{x(t)}" y1="0" y2="26"/>' for t in ticks(low, high)]
    if floor is not None:
        parts.append(f'<line class="floor" x1="{x(floor)}" x2="{x(floor)}" y1="0" y2="26"/>')
    if cell["low"] is not None:
        parts.append(f'<line class="span" x1="{x(cell["low"])}" x2="{x(cell["high"])}" y1="13" y2="13"/>')
        parts += [f'<line class="cap" x1="{x(cell[k])}" x2="{x(cell[k])}" y1="9" y2="17"/>' for k in ("low", "high")]
    if cell["value"] is not None:
        parts.append(f'<circle class="dot" cx="{x(cell["value"])}" cy="13" r="5"/>')
    return "".join([*parts, "</svg>"])


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


WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 340, 190, 44, 10, 10, 26


def curves(series: Sequence[tuple[str, str, Points]], *, unit: str = "step") -> str:
    """A line chart.

    Args:
        series: (name, CSS class, points (x, y)) of each line; lines of fewer than two points are drawn as dots.
        unit: of x.
    """
    kept = [(n, c, [(x, y) for x, y in p if math.isfinite(x) and math.isfinite(y)]) for n, c, p in series]
    points = [point for _, _, line in kept for point in line]
    if not points:
        return ""
    x0, x1 = min(x for x, _ in points), max(x for x, _ in points)
    x1 = x1 if x1 > x0 else x0 + 1
    y0, y1 = min(y for _, y in points), max(y for _, y in points)
    pad = 0.06 * (y1 - y0) or 0.1 * abs(y0) or 1.0
    y0, y1 = (y0 if y0 == 0 else y0 - pad), y1 + pad

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + (WIDTH - LEFT - RIGHT) * (x - x0) / (x1 - x0)
        return across, HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - y0) / (y1 - y0)

    parts = [f'<svg class="curves" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">']
    parts.append(f"<title>{escape(', '.join(name for name, _, _ in kept))} by {escape(unit)}</title>")
    for t in ticks(y0, y1):
        _, y = place(x0, t)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label(t, y1 - y0)}</text>')
    for t in ticks(x0, x1):
        x, _ = place(t, y0)
        anchor = "end" if x > WIDTH - 24 else "middle"
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{label(t, x1 - x0)}</text>')
    for _, css, line in kept:
        placed = [place(x, y) for x, y in thinned(line)]
        if len(placed) == 1:
            parts.append(f'<circle class="line {css}" cx="{placed[0][0]:.1f}" cy="{placed[0][1]:.1f}" r="3"/>')
        elif placed:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
            parts.append(f'<polyline class="line {css}" points="{path}"/>')
    return "".join([*parts, "</svg>"])


def thinned(points: Points, *, most: int = 300) -> list[tuple[float, float]]:
    """At most about ``most`` points, each the mean of its neighbours; the first and the last stay."""
    if len(points) <= most:
        return list(points)
    size = math.ceil(len(points) / most)
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    means = [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups]
    return [points[0], *means[1:-1], points[-1]]
