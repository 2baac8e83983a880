"""The table of a run's numbers: names may come at any time."""

import csv
from pathlib import Path

from contramuse.train.journal import CsvLog


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_columns_that_appear_later(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "log.csv")
    log.log_metrics({"loss": 3.0}, step=1)
    log.log_metrics({"loss": 2.0, "loss_supervised": 1.5}, step=2)
    log.log_metrics({"valid_loss": 2.5}, step=2)
    log.log_metrics({"loss": 1.0}, step=3)
    assert read(tmp_path / "log.csv") == [
        {"step": "1", "loss": "3", "loss_supervised": "", "valid_loss": ""},
        {"step": "2", "loss": "2", "loss_supervised": "1.5", "valid_loss": "2.5"},
        {"step": "3", "loss": "1", "loss_supervised": "", "valid_loss": ""},
    ]


def test_columns_that_appear_after_resuming(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "log.csv")
    log.log_metrics({"loss": 3.0}, step=1)
    log.log_metrics({"loss": 9.0}, step=2)
    again = CsvLog(tmp_path / "log.csv", resumed_at=1)
    again.log_metrics({"loss": 2.0, "positives": 0.5}, step=2)
    assert [row["loss"] for row in read(tmp_path / "log.csv")] == ["3", "2"]
    assert [row["positives"] for row in read(tmp_path / "log.csv")] == ["", "0.5"]
