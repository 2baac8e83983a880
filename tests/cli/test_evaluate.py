"""``contramuse evaluate``: mistakes are told before anything is embedded; the status when nothing could be measured."""

from __future__ import annotations

from importlib import import_module

import pytest

from contramuse.errors import LibraryError
from contramuse.probes.evaluation import PARTS, Part
from minilibrary import write_library


@pytest.fixture
def library(tmp_path):
    return write_library(tmp_path / "library", tracks=4, seconds=1.0, sample_rate=8000)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--protocol", "gtzan"], "--protocol: 'gtzan': is of another dataset or split"),
        (["--protocol", "gtzam"], "--protocol: 'gtzam': is no protocol"),
        (["--task", "gener"], "--task: 'gener': is no label field of the library. The library has: genre"),
        (["--parts", "few,onw"], "--parts: 'onw': is no part"),
    ],
)
def test_mistakes_are_told_before_a_library_is_embedded(run, library, tmp_path, words, told):
    status, _, err = run("evaluate", "no/model", "--data", library.root, "-o", tmp_path / "out", *words)
    assert status == 2
    assert told in err
    assert not (tmp_path / "out").exists()


def test_nothing_measured_is_no_success(run, library, tmp_path, monkeypatch):
    def refuse(bench):
        raise LibraryError("is too small", name="library", fix="Give a larger one.")

    monkeypatch.setitem(PARTS, "few", Part("", refuse, lambda part: []))
    monkeypatch.setitem(PARTS, "own", Part("", refuse, lambda part: []))
    monkeypatch.setattr(
        import_module("contramuse.cli.evaluate"), "embedded", lambda model, library, folder, device: Given()
    )
    monkeypatch.setattr("contramuse.probes.evaluation.results_key", lambda *given: "")
    monkeypatch.setattr("contramuse.probes.evaluation.subject_key", lambda *given: "")
    status, out, err = run("evaluate", "model", "--data", library.root, "-o", tmp_path / "out", "--parts", "few,own")
    assert status == 1
    assert "own is left out: library: is too small" in out
    assert "--parts: 'few,own': nothing could be measured" in err


class Given:
    root, meta = "given", {}
