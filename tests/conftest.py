"""What every test shares: one thread per worker, shapes checked at run time, and the command as a user runs it."""

import os
import sys

import pytest
from jaxtyping import install_import_hook

os.environ.setdefault("OMP_NUM_THREADS", "1")
import torch

torch.set_num_threads(1)

# What works on tensors; the hook has to come before the first import of them.
SHAPED = (
    "audio.filterbank audio.log_mel audio.published audio.sinc audio.stored augment encoders gather objective "
    "probes.baselines probes.intervals probes.metrics probes.playlists probes.retrieval rows similarity strategy "
    "targets train.monitors views"
)
install_import_hook([f"contramuse.{name}" for name in SHAPED.split()], "shapes.checked")


@pytest.fixture(scope="session")
def corpus_libraries(tmp_path_factory):
    """A small built-in corpus, prepared at every rate that a shipped recipe wants: FOLDER/16000 and so on."""
    from smallrecipes import write_libraries

    root = tmp_path_factory.mktemp("corpus")
    write_libraries(root)
    return root


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
