"""Which class is taken for which: a heat map with counts, classes in their stored order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contramuse.probes.report.assembled import Report

LONGEST = 22
"""Letters of a class that stand beside the map; the whole name is in the hint of each cell."""


def confusion_section(report: Report) -> str:
    """A map of the first model per field; those of the others are folded away."""
    return report.each("probe", lambda session, results: "".join(_field(report, task) for task in results["tasks"]))


def _field(report: Report, task: Mapping[str, Any]) -> str:
    found = task.get("confusion")
    if not found or not found.get("systems"):
        return ""
    classes = [str(name) for name in found["classes"]]
    maps = [
        f'<figure class="heat {report.style(name)}"><figcaption><b>{escape(name)}</b></figcaption>'
        f'<div class="scroll" tabindex="0">{heat_map(classes, counts, css=report.style(name))}</div></figure>'
        for name, counts in found["systems"].items()
    ]
    worst = _worst(classes, next(iter(found["systems"].values())))
    rest = f"<details><summary>The other systems</summary>{''.join(maps[1:])}</details>" if len(maps) > 1 else ""
    return (
        f'<h3>{escape(str(task["field"]))}</h3><p class="note">Rows are the true classes, columns the answers; the '
        "darker, the larger the share of the row. Numbers count tested tracks, each once (the first seed's probe). "
        f"{worst}</p>{maps[0]}{rest}"
    )


def _worst(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """The three most frequent mistakes, in a sentence."""
    wrong = [(n, i, j) for i, row in enumerate(counts) for j, n in enumerate(row) if i != j and n]
    wrong.sort(key=lambda one: (-one[0], one[1], one[2]))
    told = [f"{escape(classes[i])} as {escape(classes[j])} ({n})" for n, i, j in wrong[:3]]
    return f"Taken most often: {', '.join(told)}." if told else "No track was taken for another class."


def heat_map(classes: Sequence[str], counts: Sequence[Sequence[int]], *, css: str = "m0") -> str:
    """SVG of a confusion matrix; it has its natural size, so that numbers stay readable and the box scrolls.

    Args:
        classes: c names.
        counts: [c c], true class by answer.
        css: class of the system, which gives the colour.
    """
    n = len(classes)
    size = 30 if n <= 12 else 24 if n <= 26 else 18
    font = 11 if n <= 12 else 10 if n <= 26 else 8
    names = [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in classes]
    left = 14 + int(6.4 * max(map(len, names), default=0))
    top = left if max(map(len, names), default=0) > 3 else 24
    width, height = left + n * size + 46, top + n * size + 6
    label = escape(f"Confusion of {n} classes")
    parts = [
        f'<svg class="confusion {css}" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{label}">'
    ]
    for i, name in enumerate(names):
        middle = top + i * size + size / 2
        parts.append(f'<text x="{left - 6}" y="{middle + 4:g}" text-anchor="end">{escape(name)}</text>')
        x = left + i * size + size / 2
        turn = f'transform="rotate(-90 {x + 4:g} {top - 6})"' if top > 24 else 'text-anchor="middle"'
        at = x + 4 if top > 24 else x
        parts.append(f'<text x="{at:g}" y="{top - 6}" {turn}>{escape(name)}</text>')
        parts.append(f'<text class="total" x="{left + n * size + 6}" y="{middle + 4:g}">{sum(counts[i])}</text>')
    parts += [
        _cell(classes, counts, i, j, (left + j * size, top + i * size), size, font) for i in range(n) for j in range(n)
    ]
    edge = f'x="{left}" y="{top}" width="{n * size}" height="{n * size}"'
    return "".join([*parts, f'<rect class="edge" {edge}/></svg>'])


def _cell(
    classes: Sequence[str], counts: Sequence[Sequence[int]], i: int, j: int, at: tuple[int, int], size: int, font: int
) -> str:
    count, total = counts[i][j], sum(counts[i])
    if not count:
        own = f'<rect class="own" x="{at[0]}" y="{at[1]}" width="{size}" height="{size}"/>'
        return own if i == j else ""
    share = count / total
    hint = f"{classes[i]} taken for {classes[j]}: {count} of {total}" if i != j else f"{classes[i]}: {count} of {total}"
    dark = " strong" if share > 0.55 else ""
    diagonal = ' class="own"' if i == j else ""
    return (
        f'<g><title>{escape(hint)}</title><rect{diagonal} x="{at[0]}" y="{at[1]}" width="{size}" height="{size}" '
        f'style="fill-opacity:{0.06 + 0.94 * share:.2f}"/>'
        f'<text class="count{dark}" x="{at[0] + size / 2:g}" y="{at[1] + size / 2 + font * 0.36:.1f}" '
        f'style="font-size:{font}px">{count}</text></g>'
    )
