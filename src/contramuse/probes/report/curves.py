"""Line charts as inline SVG, with bands for intervals. No text of the user is put in without ``escape``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from contramuse.probes.report.charts import label, ticks

Points = Sequence[tuple[float, float]]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 340, 190, 44, 10, 10, 26


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Args:
        name: for who cannot see the chart.
        css: class of its system.
        points: (x, y); what is not finite is left out, a single point is a dot.
        band: (x, low, high) of the interval.
        dots: whether points are marked: "each" or "none".
    """

    name: str
    css: str
    points: Points
    band: Sequence[tuple[float, float, float]] = ()
    dots: str = "none"


@dataclass(frozen=True)
class Frame:
    """Limits of both axes, and where a value lies in the picture."""

    x: tuple[float, float]
    y: tuple[float, float]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Position in the picture."""
        across = LEFT + (WIDTH - LEFT - RIGHT) * (x - self.x[0]) / (self.x[1] - self.x[0])
        return across, HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - self.y[0]) / (self.y[1] - self.y[0])


def curves(
    lines: Sequence[Line],
    *,
    unit: str = "step",
    marks: Sequence[tuple[float, str]] = (),
    y: tuple[float, float] | None = None,
    floor: float | None = None,
) -> str:
    """A line chart.

    Args:
        lines: to be drawn, the first on top.
        unit: of x.
        marks: (x, text) under the axis; round numbers if none are given.
        y: limits, where several charts are to be compared.
        floor: what is dashed.
    """
    kept = [_finite(one) for one in lines]
    if not any(one.points for one in kept):
        return ""
    frame = Frame(_x_limits(kept, marks), y or limits(kept, floor))
    parts = [f'<svg class="curves" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">']
    parts.append(f"<title>{escape(', '.join(one.name for one in kept))} by {escape(unit)}</title>")
    parts += _grid(frame, marks)
    if floor is not None and frame.y[0] <= floor <= frame.y[1]:
        _, at = frame.place(frame.x[0], floor)
        parts.append(f'<line class="floor" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
    parts += [_band(one, frame) for one in reversed(kept) if len(one.band) > 1]
    parts += [_line(one, frame) for one in reversed(kept)]
    return "".join([*parts, "</svg>"])


def limits(lines: Sequence[Line], floor: float | None = None) -> tuple[float, float]:
    """Of y: all points and bands, with some room."""
    values = [v for one in lines for _, v in one.points] + [v for one in lines for edge in one.band for v in edge[1:]]
    values += [floor] if floor is not None else []
    values = [v for v in values if math.isfinite(v)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    pad = 0.06 * (high - low) or 0.1 * abs(low) or 1.0
    return (low if low == 0 else low - pad), high + pad


def _finite(one: Line) -> Line:
    points = [point for point in one.points if all(map(math.isfinite, point))]
    band = [edge for edge in one.band if all(map(math.isfinite, edge))]
    return replace(one, points=points, band=band)


def _x_limits(lines: Sequence[Line], marks: Sequence[tuple[float, str]]) -> tuple[float, float]:
    values = [p[0] for one in lines for p in one.points] + [x for x, _ in marks]
    low, high = min(values), max(values)
    return low, high if high > low else low + 1


def _grid(frame: Frame, marks: Sequence[tuple[float, str]]) -> list[str]:
    parts = []
    for t in ticks(*frame.y, parts=5):
        _, y = frame.place(frame.x[0], t)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label(t, frame.y[1] - frame.y[0])}</text>'
        )
    shown = marks or [(t, label(t, frame.x[1] - frame.x[0])) for t in ticks(*frame.x)]
    for t, text in shown:
        x, _ = frame.place(t, frame.y[0])
        anchor = "end" if x > WIDTH - 24 else "middle"
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{escape(text)}</text>')
    return parts


def _band(one: Line, frame: Frame) -> str:
    edge = [frame.place(x, high) for x, _, high in one.band]
    edge += [frame.place(x, low) for x, low, _ in reversed(one.band)]
    return f'<polygon class="band {one.css}" points="{_path(edge)}"/>'


def _line(one: Line, frame: Frame) -> str:
    placed = [frame.place(x, y) for x, y in thinned(one.points)]
    dots = "".join(
        f'<circle class="line {one.css}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
        for x, y in placed
        if one.dots == "each" or len(placed) == 1
    )
    return (f'<polyline class="line {one.css}" points="{_path(placed)}"/>' if len(placed) > 1 else "") + dots


def _path(points: Points) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def thinned(points: Points, *, most: int = 300) -> list[tuple[float, float]]:
    """At most about ``most`` points, each the mean of its neighbours; the first and the last stay."""
    if len(points) <= most:
        return list(points)
    size = math.ceil(len(points) / most)
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    means = [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups]
    return [points[0], *means[1:-1], points[-1]]
