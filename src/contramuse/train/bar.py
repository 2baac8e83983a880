"""What a person sees while training: a bar with loss, rows per second and waiting; a line for every watch."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from contramuse.train.pace import words


class Bar:
    """The bar and the lines above it; nothing on processes other than the first.

    Args:
        console: where it goes; None shows nothing.
    """

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("step {task.fields[step]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("loss {task.fields[loss]}"),
            TextColumn("{task.fields[speed]} rows/s"),
            TextColumn("waiting {task.fields[waiting]}"),
            TimeElapsedColumn(),
            TextColumn("[dim]left {task.fields[left]}[/]"),
            console=console,
            disable=console is None or not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("", total=1.0, step=0, loss="-", speed="-", waiting="-", left="-")

    def start(self) -> None:
        """Show the bar."""
        self._progress.start()

    def stop(self) -> None:
        """Take the bar away."""
        self._progress.stop()

    def say(self, line: str, *, style: str = "") -> None:
        """One line above the bar."""
        if self._console is not None:
            self._console.print(Text(line, style=style), soft_wrap=True)

    def move(self, *, step: int, share: float, loss: float, speed: float, waiting: float, left: float) -> None:
        """Show where the run stands.

        Args:
            step: optimiser steps done.
            share: of the run that is done, 0 to 1.
            loss: mean over the last steps.
            speed: rows per second.
            waiting: share of the time that training waited for data.
            left: seconds that remain.
        """
        self._progress.update(
            self._task, completed=share, step=step, loss=f"{loss:.4f}", speed=f"{speed:,.0f}",
            waiting=f"{waiting:.0%}", left=words(left),
        )  # fmt: skip


SHOWN = {
    "valid_loss": "validation loss {:.4f}",
    "valid_top1": "top-1 {:.2f}",
    "valid_accuracy": "accuracy {:.3f}",
    "valid_key_score": "key score {:.3f}",
    "valid_roc_auc": "ROC-AUC {:.3f}",
    "valid_r2": "R² {:.3f}",
    "alignment": "alignment {:.2f}",
    "uniformity": "uniformity {:.2f}",
    "effective_rank": "rank {:.1f}",
}


def watch_line(step: int, found: Mapping[str, float], *, loss: float | None) -> str:
    """A watch in one line."""
    parts = [f"step {step}"]
    if loss is not None:
        parts.append(f"loss {loss:.4f}")
    parts += [text.format(found[name]) for name, text in SHOWN.items() if name in found]
    fields = [name.removeprefix("knn_") for name in found if name.startswith("knn_")]
    near = [f"{field} {found[f'knn_{field}']:.2f} ({found[f'chance_{field}']:.2f})" for field in fields]
    return " | ".join([*parts, *([f"neighbours share (chance) {', '.join(near)}"] if near else [])])
