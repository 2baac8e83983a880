"""Workers: every task comes back, whatever happens to the process that had it."""

from __future__ import annotations

import os

import pytest

from contramuse.audio import ingest
from contramuse.audio.ingest import Outcome, Task, run, usable_cores
from jobs import job


def outcomes(payloads: list[str], seconds: float = 20.0, workers: int = 2) -> dict[str, Outcome]:
    tasks = iter([Task(payload, seconds) for payload in payloads])
    return {outcome.task.payload: outcome for outcome in run(tasks, job, workers=workers)}


def test_hanging_crashing_and_failing_jobs_take_nothing_with_them(capfd: pytest.CaptureFixture[str]) -> None:
    payloads = ["a", "hang", "b", "segfault", "c", "raise", "exit", "memory", "noise", "spin", "large", "d"]
    got = outcomes(payloads, seconds=4.0)
    assert set(got) == set(payloads)
    assert got["hang"].failure == got["spin"].failure == "timed out after 4 s"
    assert got["segfault"].failure == "the decoder crashed (signal 11)"
    assert got["exit"].failure == "the decoder ended its process (3)"
    assert got["raise"].failure == "ValueError: odd file"
    assert got["memory"].failure == "needs more memory than a worker may use"
    for name in ("a", "b", "c", "d", "noise", "large"):
        assert got[name].failure == ""
        assert got[name].facts["payload"] == name
        assert got[name].facts["pid"] != os.getpid()
    assert got["large"].data == b"\x01" * 100_000
    assert "native noise" not in capfd.readouterr().err


def test_tasks_are_drawn_as_workers_become_free() -> None:
    drawn: list[int] = []

    def tasks():
        for i in range(20):
            drawn.append(i)
            yield Task(str(i), 10.0)

    ended = run(tasks(), job, workers=1)
    next(ended)
    assert len(drawn) <= 3
    ended.close()
    assert run(iter([]), job).__next__ is not None
    assert list(run(iter([]), job)) == []


def test_workers_that_do_not_start_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from contramuse.errors import StorageError

    monkeypatch.setattr(ingest, "_serve", exit)
    with pytest.raises(StorageError, match="end before they begin"):
        outcomes(["a"])
    assert usable_cores() >= 1
