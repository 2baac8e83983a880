"""Two processes begin from a model, keep models of the past and end together."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import contramuse
from minilibrary import write_library
from minimodel import make_model

SETTINGS = [
    "train.steps=40", "train.batch=8", "train.watch_every=3", "train.patience=1", "train.keep_every=2",
    "train.optimizer={kind: sgd, lr: 0.000001, weight_decay: 0.0}", "train.schedule=constant", "train.loggers=[csv]",
    "views.audio.take.seconds=0.5",
]  # fmt: skip


@pytest.mark.slow
def test_a_model_goes_on_in_two_processes(tmp_path: Path) -> None:
    write_library(tmp_path / "library", tracks=48, seconds=0.5)
    model = make_model(tmp_path / "model", seed=5)
    command = ["-m", "contramuse", "train", "tiny", "--data", "library", "--from", "model", "-o", "run"]
    done = subprocess.run(
        [sys.executable, *command, "--devices", "2", "--accelerator", "cpu", *SETTINGS], cwd=tmp_path,
        capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("tower audio: tensors taken") == 1  # said once, by the first process
    assert "1 look without a gain: the end" in done.stdout
    begun = contramuse.load(tmp_path / "run" / "models" / "step-000000")
    assert begun.model_hash == contramuse.load(model).model_hash
    assert (tmp_path / "run" / "models" / "step-000002").is_dir()
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["from"]["model_hash"] == begun.model_hash
