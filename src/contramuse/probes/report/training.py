"""Curves of the training: of one run each measure of its own, of several runs a line per run."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from contramuse.probes.report.assembled import Report, trained_name
from contramuse.probes.report.cards import legend
from contramuse.probes.report.curves import Line, curves
from contramuse.probes.report.sources import Trained

CHARTS = (
    ("Loss", ("loss", "valid_loss"), "the cross-entropy that is trained, in nats"),
    ("Top-1 of the contrast", ("valid_top1",), "share of queries whose best candidate is a positive"),
    ("Effective rank", ("effective_rank",), "dimensions that are in use"),
    ("Alignment", ("alignment",), "distance of two views of one track; smaller is closer"),
    ("Uniformity", ("uniformity",), "smaller is more evenly spread over the sphere"),
    ("Learning rate", ("lr",), ""),
    ("Rows per second", ("rows_per_second",), "crops through the encoder"),
)
SHOWN = {"loss": "training", "valid_loss": "validation"}


def training_section(report: Report) -> str:
    """Curves from log.csv, as small charts."""
    runs = [one for one in report.sources.trained if one.log]
    if not runs:
        return ""
    fields = sorted(
        {name.removeprefix("knn_") for one in runs for row in one.log for name in row if name.startswith("knn_")}
    )
    wanted = [*CHARTS]
    wanted += [
        (f"k-NN agreement: {f}", (f"knn_{f}", f"chance_{f}"), "neighbours that share the label; dashed: chance")
        for f in fields
    ]
    if len(runs) == 1:
        charts = [_alone(runs[0], *one) for one in wanted]
        keys = ""
    else:
        names = [trained_name(report.sessions, one) for one in runs]
        charts = [
            _beside(report, runs, names, title, column, said)
            for title, columns, said in wanted
            for column in columns
            if not column.startswith("chance_")
        ]
        keys = legend(report, [{"name": name} for name in names], floor="")
    return f'<p class="note">Over the steps of the optimiser.</p>{keys}<div class="charts">{"".join(charts)}</div>'


def _points(one: Trained, column: str) -> list[tuple[float, float]]:
    return [(row["step"], row[column]) for row in one.log if column in row and "step" in row]


def _alone(one: Trained, title: str, columns: Sequence[str], said: str) -> str:
    lines = [
        Line(SHOWN.get(column, column), "chance" if column.startswith("chance_") else f"s{i}", points)
        for i, column in enumerate(columns)
        if (points := _points(one, column))
    ]
    drawn = curves(lines)
    if not drawn:
        return ""
    keys = "".join(f'<span class="{line.css}"><i></i>{escape(line.name)}</span>' for line in lines)
    keys = "" if len(lines) < 2 or any(line.css == "chance" for line in lines) else keys
    last = lines[0].points[-1][1]
    return (
        f'<figure><figcaption><b>{escape(title)}</b> <span class="num">{last:.4g} at the end</span>'
        f'<small>{escape(said)}</small><span class="keys">{keys}</span></figcaption>{drawn}</figure>'
    )


def _beside(report: Report, runs: Sequence[Trained], names: Sequence[str], title: str, column: str, said: str) -> str:
    lines = [Line(name, report.style(name), _points(one, column)) for one, name in zip(runs, names, strict=True)]
    drawn = curves([line for line in lines if line.points])
    if not drawn:
        return ""
    part = f' <span class="num">{SHOWN[column]}</span>' if column in SHOWN else ""
    said = said.removesuffix("; dashed: chance")
    return f"<figure><figcaption><b>{escape(title)}</b>{part}<small>{escape(said)}</small></figcaption>{drawn}</figure>"
