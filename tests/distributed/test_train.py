"""Two processes that share a batch train as one process with all of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from contramuse.train.keeper import read_checkpoint
from minilibrary import write_library

PROGRAM = '''
import torch
from torch import nn
from contramuse import cli
from contramuse.encoders import ENCODERS

class MeanMel(nn.Module):
    """Nothing random and no running statistics: the two runs can be compared."""

    def __init__(self, *, bands: int, dim: int = 16) -> None:
        super().__init__()
        self.dim, self.first, self.second = dim, nn.Linear(bands, 32), nn.Linear(32, dim)

    def forward(self, x, generator=None):
        return self.second(torch.tanh(self.first(x.mean(2) / 10)))

ENCODERS["mean_mel"] = MeanMel
cli.main()
'''

SETTINGS = [
    "train.steps=4",
    "train.watch_every=2",
    "train.batch=8",
    "train.accumulate=2",
    "train.clip=1.0",
    "train.optimizer={kind: sgd, lr: 0.05, weight_decay: 0.0}",
    "train.loggers=[csv]",
    "views.audio.take.seconds=0.5",  # as long as the tracks: nothing is drawn
    "towers.audio.encoder=mean_mel",
]


def train(program: Path, library: Path, run: Path, *more: str) -> None:
    command = [sys.executable, program, "train", "tiny", "--data", library, "-o", run, "--accelerator", "cpu"]
    done = subprocess.run(
        [str(part) for part in [*command, *SETTINGS, *more]],
        capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    program, library = tmp_path / "program.py", tmp_path / "library"
    program.write_text(PROGRAM, encoding="utf-8")
    write_library(library, tracks=36, seconds=0.5)
    train(program, library, tmp_path / "one", "--devices", "1")
    train(program, library, tmp_path / "two", "--devices", "2")
    one, two = (read_checkpoint(tmp_path / name / "checkpoints" / "last.ckpt") for name in ("one", "two"))
    assert one["global_step"] == two["global_step"] == 4
    assert one["MusicData"] == two["MusicData"]
    start = read_checkpoint(tmp_path / "one" / "checkpoints" / "best.ckpt")
    assert start["numbers"]["valid_loss"] <= one["numbers"]["valid_loss"]
    for name, weight in one["state_dict"].items():
        torch.testing.assert_close(two["state_dict"][name], weight, rtol=1e-5, atol=1e-6)
    for name in set(one["numbers"]) - {"seconds"}:
        assert two["numbers"][name] == pytest.approx(one["numbers"][name], rel=1e-4, abs=1e-4), name
    assert (tmp_path / "two" / "model" / "model.json").exists()
    assert len((tmp_path / "two" / "log.csv").read_text().splitlines()) == 6


@pytest.mark.slow
def test_two_processes_leave_weights_alone_that_no_contrast_names(tmp_path: Path) -> None:
    program, library = tmp_path / "program.py", tmp_path / "library"
    program.write_text(PROGRAM, encoding="utf-8")
    write_library(library, tracks=36, seconds=0.5)
    heads = "towers.audio={frontend: log_mel, encoder: mean_mel, heads: {a: identity, b: {kind: mlp, out: 8}}}"
    one = "contrasts=[{between: [audio.a], target: same, similarity: cosine}]"
    train(program, library, tmp_path / "run", "--devices", "2", heads, one)
    assert (tmp_path / "run" / "model" / "model.json").exists()
