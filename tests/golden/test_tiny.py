"""The losses of the first 20 steps of ``tiny``: a change that means to change nothing leaves them as they are.

Compared at 1e-5: the same code on one machine gives the same bits (tests/train/test_resume.py), but the sums inside
matrix products and Fourier transforms are ordered by the processor and the build of torch, and 20 steps of training
carry a last-bit difference on. A wrong formula is off by far more.

A change that is meant to change them: ``python tests/golden/test_tiny.py`` writes the file anew; say why in the commit.
"""

import json
import sys
import tempfile
from pathlib import Path

import pytest
import torch

FILE = Path(__file__).with_name("tiny_losses.json")


def losses(root: Path) -> list[float]:
    """Train and return the loss of every step."""
    from contramuse.recipe import load_recipe
    from contramuse.train import fit, session
    from minilibrary import write_library

    every, session.LOG_EVERY = session.LOG_EVERY, 1
    try:
        library = write_library(root / "library", tracks=24, seconds=3.0)
        augment = "views.audio.augment=[{kind: polarity, p: 0.5}, {kind: gain}, {kind: frequency_mask}]"
        outcome = fit(load_recipe("tiny", ["train.loggers=[csv]", augment]), library, root / "run", accelerator="cpu")
    finally:
        session.LOG_EVERY = every
    return outcome.losses


def test_golden_losses(tmp_path: Path) -> None:
    expected = json.loads(FILE.read_text(encoding="utf-8"))["losses"]
    assert losses(tmp_path) == pytest.approx(expected, abs=1e-5, rel=1e-5)


if __name__ == "__main__":
    sys.path.insert(0, str(FILE.parents[1]))
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = {"recipe": "tiny", "torch": torch.__version__, "losses": losses(Path(folder))}
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(*found["losses"], sep="\n")
