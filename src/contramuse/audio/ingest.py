"""Worker processes that run one job per file, each bounded in time and memory.

A job that hangs is killed, one that crashes its process takes nothing else with it; either way the task comes back with
the reason and a fresh process takes the next one. Processes are spawned, never forked (a fork copies the locks of
OpenMP's and other threads, and hangs).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from contramuse.errors import ContramuseError, StorageError

MEMORY_BYTES = 6 << 30
START_SECONDS = 120.0

Job = Callable[[Any], tuple[dict[str, Any], bytes | memoryview]]
"""What a worker runs: a function of a module, of one task; it returns facts and, apart from them, bytes."""

WarmUp = Callable[[], None]


def no_warm_up() -> None:
    """For jobs that have nothing to load."""


@dataclass(frozen=True)
class Task:
    """One job.

    Args:
        payload: what the job is given.
        seconds: its deadline.
    """

    payload: Any
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """How a task ended: ``facts`` and ``data`` of the job, or ``failure`` in words."""

    task: Task
    facts: dict[str, Any]
    data: bytes = b""
    failure: str = ""


class _Worker:
    def __init__(self, job: Job, warm_up: WarmUp, memory_bytes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_serve, args=(other, job, warm_up, memory_bytes), daemon=True
        )
        self.process.start()
        other.close()
        self.task: Task | None = None
        self.ready = False
        self.due = time.monotonic() + START_SECONDS

    def give(self, task: Task) -> None:
        self.task, self.due = task, time.monotonic() + task.seconds
        try:
            self.connection.send((task.payload, task.seconds))
        except OSError:
            self.due = 0.0  # it died while idle; found at the next wait

    def end(self) -> str:
        """Kill the process and say how it ended by itself, if it did."""
        self.process.join(0.2)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
            self.process.join()
        self.connection.close()
        if code is None:
            return ""
        return f"the decoder crashed (signal {-code})" if code < 0 else f"the decoder ended its process ({code})"


def run(
    tasks: Iterator[Task],
    job: Job,
    *,
    warm_up: WarmUp = no_warm_up,
    workers: int | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> Generator[Outcome, None, None]:
    """Run ``job`` for every task in worker processes; outcomes come in the order in which they end.

    Args:
        tasks: drawn one at a time, as workers become free.
        job: a function that a spawned process can import.
        warm_up: another, run once in each process before its first deadline begins.
        workers: number of processes; None: one per core that this process may use.
        memory_bytes: address space that a worker may use (where the system can bound it).

    Raises:
        StorageError: the workers cannot be started.
    """
    count = workers or usable_cores()
    pool: list[_Worker] = []
    waiting = next(tasks, None)
    failed_starts = 0
    try:
        while True:
            starting = sum(not w.ready for w in pool)
            while waiting is not None and len(pool) < count and starting < max(1, len(pool) - starting):
                pool.append(_Worker(job, warm_up, memory_bytes))
                starting += 1
            for worker in pool:
                if waiting is not None and worker.ready and worker.task is None:
                    worker.give(waiting)
                    waiting = next(tasks, None)
            busy = [w for w in pool if w.task is not None or not w.ready]
            if not busy or (waiting is None and all(w.task is None for w in pool)):
                return
            for worker, outcome in _ended(busy):
                failed_starts = 0 if worker.ready else failed_starts + 1
                if worker.process.exitcode is not None:
                    pool.remove(worker)
                if failed_starts == 3:
                    raise _no_start()
                if outcome is not None:
                    yield outcome
    finally:
        for worker in pool:
            worker.process.kill()


def _ended(busy: list[_Worker]) -> Iterator[tuple[_Worker, Outcome | None]]:
    """What happens next: workers that report, die, or are late (and are then killed)."""
    pause = max(0.0, min(w.due for w in busy) - time.monotonic())
    reporting = set(wait([w.connection for w in busy], min(pause, 1.0)))
    for worker in busy:
        task = worker.task
        if worker.connection in reporting:
            try:
                facts, failure, has_data = worker.connection.recv()
                data = worker.connection.recv_bytes() if has_data else b""
            except (EOFError, OSError):
                failure = worker.end() or "the decoder's process was lost"
                yield worker, None if task is None else Outcome(task, {}, failure=failure)
                continue
            worker.task = None
            if task is None:
                worker.ready = True
            else:
                yield worker, Outcome(task, facts, data, failure)
        elif time.monotonic() > worker.due:
            worker.end()
            late = None if task is None else Outcome(task, {}, failure=f"timed out after {task.seconds:.0f} s")
            yield worker, late


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _no_start() -> ContramuseError:
    fix = "Look for memory or process limits; a script of your own must call under `if __name__ == '__main__':`."
    return StorageError("the decoding processes end before they begin", name="workers", fix=fix)


def _serve(connection: Connection, job: Job, warm_up: WarmUp, memory_bytes: int) -> None:
    """A worker's life: say ready, then answer tasks until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)  # codecs write warnings there that no Python code can catch
    _bound_memory(memory_bytes)
    warm_up()
    connection.send(({}, "", False))
    while True:
        try:
            payload, seconds = connection.recv()
        except (EOFError, OSError):
            return
        if sys.platform != "win32":
            signal.alarm(int(seconds) + 10)  # ends a hanging worker whose parent was killed
        facts, data, failure = _attempt(job, payload)
        try:
            connection.send((facts, failure, bool(data)))
            if data:
                connection.send_bytes(data)
        except OSError:
            return
        if sys.platform != "win32":
            signal.alarm(0)


def _attempt(job: Job, payload: Any) -> tuple[dict[str, Any], bytes | memoryview, str]:
    try:
        facts, data = job(payload)
    except MemoryError:
        return {}, b"", "needs more memory than a worker may use"
    except Exception as error:  # a parser of broken files may raise anything; it becomes the file's entry in the ledger
        return {}, b"", f"{type(error).__name__}: {error}"
    return facts, data, ""


def _bound_memory(memory_bytes: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
