"""What every test shares: one thread per worker, and the command as a user runs it."""

import os
import sys

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
import torch

torch.set_num_threads(1)


@pytest.fixture
def run(monkeypatch, capfd):
    """Run the command; returns (exit status, standard output, standard error)."""
    from contramuse.cli import main

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["contramuse", *map(str, arguments)])
        try:
            main()
            status = 0
        except SystemExit as leaving:
            status = leaving.code or 0
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return status, out, err

    return call
