"""Where the numbers of a run go: a CSV table, TensorBoard, and W&B or MLflow when asked for."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from contramuse.errors import MissingDependencyError
from contramuse.files import replacing


class CsvLog(Logger):
    """One row per step that has numbers, one column per name, in ``log.csv``.

    Args:
        path: of the table; rows of an earlier session are kept.
        resumed_at: rows beyond this step are dropped: that part of the run is done again.
    """

    def __init__(self, path: Path, *, resumed_at: int = 0) -> None:
        super().__init__()
        self._path, self._columns, self._rows = path, ["step"], list[dict[str, str]]()
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                self._columns = list(reader.fieldnames or ["step"])
                self._rows = [row for row in reader if row["step"].isdigit() and int(row["step"]) <= resumed_at]
            self._write_all()

    @property
    def name(self) -> str:
        """csv."""
        return "csv"

    @property
    def version(self) -> str:
        """Empty: a run has one table."""
        return ""

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: the recipe is a file of its own."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add ``metrics`` to the row of ``step``; only the first of several processes writes."""
        row = {"step": str(step or 0), **{name: f"{value:.6g}" for name, value in metrics.items()}}
        new = [name for name in row if name not in self._columns]
        self._columns += new
        again = bool(self._rows) and self._rows[-1]["step"] == row["step"]
        if again:
            self._rows[-1].update(row)
        else:
            self._rows.append(row)
        if new or again or not self._path.exists():
            self._write_all()
            return
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self._columns, restval="").writerow(row)

    def _write_all(self) -> None:
        with replacing(self._path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns, restval="")
            writer.writeheader()
            writer.writerows(self._rows)


def build_loggers(kinds: Sequence[str], run: Path, *, recipe: Mapping[str, Any], resumed_at: int) -> list[Logger]:
    """The loggers that a recipe names, writing under ``run``.

    Raises:
        MissingDependencyError: one needs a package that is not installed.
    """
    return [_build(kind, run, recipe=recipe, resumed_at=resumed_at) for kind in kinds]


def _build(kind: str, run: Path, *, recipe: Mapping[str, Any], resumed_at: int) -> Logger:
    if kind == "csv":
        return CsvLog(run / "log.csv", resumed_at=resumed_at)
    if importlib.util.find_spec(kind) is None:
        raise MissingDependencyError(
            "is not installed",
            name="train.loggers",
            value=kind,
            fix=f"pip install 'contramuse[{kind}]', or take it out of train.loggers.",
        )
    if kind == "tensorboard":
        from lightning.pytorch.loggers import TensorBoardLogger

        purge = resumed_at + 1 if resumed_at else None
        return TensorBoardLogger(run, name="tensorboard", version="", default_hp_metric=False, purge_step=purge)
    if kind == "wandb":
        from lightning.pytorch.loggers import WandbLogger

        return WandbLogger(name=run.name, save_dir=run, project="contramuse", config=dict(recipe))
    from lightning.pytorch.loggers import MLFlowLogger

    return MLFlowLogger(
        experiment_name="contramuse", run_name=run.name, tracking_uri=f"sqlite:///{run.absolute() / 'mlflow.db'}"
    )
