"""Batches for the training step: drawn ahead by one thread, and the fixed views that validation looks at."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from contramuse.catalogue.vectors import vectors_hash
from contramuse.errors import LibraryError, UserError
from contramuse.rows import Rows
from contramuse.sampling import Batches, Drawn, generator_for
from contramuse.views import Chance, Crop, Facts, Vector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from contramuse.catalogue.library import Library
    from contramuse.recipe import Recipe

LOOKED_AT = 256
"""Validation tracks that a watch looks at, at most."""


class Batch:
    """One batch of one process.

    Args:
        number: batches drawn before it in this run.
        views: view -> (int16 [m 1 t], who the rows are).
        after: state of the stream of batches once this one is trained on.
    """

    def __init__(self, number: int, views: Mapping[str, tuple[Tensor, Rows]], after: Mapping[str, int]) -> None:
        self.number, self.views, self.after = number, views, after

    def __len__(self) -> int:
        """Rows that go through an encoder of audio."""
        return sum(len(who) for x, who in self.views.values() if x.ndim == 3) or self.tracks()

    def tracks(self) -> int:
        """Rows of the first view."""
        return len(next(iter(self.views.values()))[1])

    def to(self, device: torch.device, **_: object) -> Batch:
        """The same batch on ``device``; Lightning calls it."""
        moved = {name: (x.to(device, non_blocking=True), who.to(device)) for name, (x, who) in self.views.items()}
        return Batch(self.number, moved, self.after)


class Ahead:
    """An endless iterable whose items one thread makes ahead of use.

    Reading a batch is one gather from memory-mapped files, so one thread keeps up and no worker process is needed.

    Args:
        make: makes the next item.
        ahead: items that may wait.
    """

    def __init__(self, make: Callable[[], Batch], *, ahead: int = 2) -> None:
        self._make, self._ready = make, queue.Queue[Batch | Exception](maxsize=ahead)
        self._stop, self._thread = threading.Event(), threading.Thread(target=self._work, daemon=True)
        self.waited = 0.0

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                item: Batch | Exception = self._make()
            except Exception as error:  # told to the consumer, which raises it
                item = error
            while not self._stop.is_set():
                try:
                    self._ready.put(item, timeout=0.2)
                    break
                except queue.Full:
                    continue
            if isinstance(item, Exception):
                return

    def __iter__(self) -> Iterator[Batch]:
        if not self._thread.is_alive():
            self._thread.start()
        while True:
            began = time.perf_counter()
            item = self._ready.get()
            self.waited += time.perf_counter() - began
            if isinstance(item, Exception):
                raise item
            yield item

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)


class MusicData(LightningDataModule):
    """The tracks of a library as a recipe wants to see them.

    Args:
        recipe: says sampler, views and label fields.
        library: the library.

    Raises:
        LibraryError: no training track is left.
        UserError: the library has another sample rate than the recipe wants, or holds features and the recipe wants
            audio, or the reverse.
    """

    def __init__(self, recipe: Recipe, library: Library) -> None:
        super().__init__()
        _check_kind(recipe, library)
        if library.sample_rate != recipe.sample_rate:
            raise UserError(
                f"the recipe wants {recipe.sample_rate} Hz and the library has {library.sample_rate} Hz",
                name="library",
                value=library.root,
                fix=f"Prepare one at the recipe's rate (prepare --rate {recipe.sample_rate}), or set "
                f"sample_rate={library.sample_rate} where the recipe's encoder and lengths suit it.",
            )
        self.library, self._seed, self._batch = library, recipe.train.seed, recipe.train.batch
        self._sampler, self.takes = recipe.build_sampler(), recipe.build_takes()
        self._facts = Facts(library, fields=sorted(recipe.fields))
        self.rows, self.skipped = self._usable("train")
        self.valid_rows, _ = self._usable("valid")
        if not len(self.rows):
            raise LibraryError(
                "no track of it can be trained on",
                name="library",
                value=library.root,
                fix="Its train split is empty, or every track is shorter than the recipe's crops (see views.*.take).",
            )
        self._position: Mapping[str, int] | None = None
        self._loader: Ahead | None = None

    def _usable(self, split: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rows = self.library.rows(split)
        fits = np.logical_and.reduce([take.usable(self.library, rows) for take in self.takes.values()])
        return rows[fits], rows[~fits]

    def facts(self) -> dict[str, object]:
        """What the run's own description says about the tracks."""
        skipped = [self.library.track(int(row)).path for row in self.skipped]
        sampler = self._sampler.check(self.library, self.rows, batch=self._batch)
        return {
            "train_tracks": len(self.rows), "valid_tracks": len(self.valid_rows), "skipped_tracks": skipped,
            **({"sampler": sampler} if sampler else {}), "vectors": self.vectors(),
        }  # fmt: skip

    def padded(self) -> dict[str, int]:
        """View -> how many training tracks are shorter than what it takes; views that pad none are left out."""
        lengths, rate = self.library.store.lengths[self.rows], self.library.sample_rate
        crops = {name: take for name, take in self.takes.items() if isinstance(take, Crop)}
        short = {name: int((lengths < take.span(rate)).sum()) for name, take in crops.items()}
        return {name: count for name, count in short.items() if count}

    def vectors(self) -> dict[str, str]:
        """Names of the stored vectors that the views take -> hash of their numbers."""
        names = sorted({take.name for take in self.takes.values() if isinstance(take, Vector)})
        return {name: vectors_hash(self.library.vectors(name)) for name in names}

    @property
    def labelled_rows(self) -> NDArray[np.int64]:
        """The training tracks whose labels are ever seen."""
        return self._sampler.chosen(self.library, self.rows)

    def _process(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def stream(self, *, process: int, processes: int) -> Batches:
        """The rows of the batches of one process, from the start of the run.

        Raises:
            LibraryError: there are fewer tracks than one batch.
            UserError: the batch cannot be shared equally by the processes.
        """
        return Batches(
            self._sampler, self.library, self.rows,
            batch=self._batch, seed=self._seed, process=process, processes=processes,
        )  # fmt: skip

    def train_dataloader(self) -> Ahead:
        """The endless batches of this process, from where the run stands."""
        process, processes = self._process()
        stream = self.stream(process=process, processes=processes)
        if self._position is not None:
            stream.load_state_dict(dict(self._position))
        pin = torch.cuda.is_available()

        def make() -> Batch:
            number, drawn = stream.number, stream.next_batch()
            views = self._see(drawn, "crop", number, process)
            if pin:
                views = {name: (x.pin_memory(), who) for name, (x, who) in views.items()}
            return Batch(number, views, stream.state_dict())

        self._loader = Ahead(make)
        return self._loader

    def _see(self, drawn: Drawn, purpose: str, number: int, process: int) -> dict[str, tuple[Tensor, Rows]]:
        """Every view of the ``drawn`` tracks; crops are numbered through over all views ("view")."""
        views: dict[str, tuple[Tensor, Rows]] = {}
        first = 0
        for name, take in self.takes.items():
            chance = Chance(
                own=generator_for(self._seed, purpose, name, number, process),
                shared=generator_for(self._seed, f"{purpose} of all", name, number),
            )
            x, who = take.take(self.library, drawn, chance, {view: who for view, (_, who) in views.items()})
            who = self._facts.told(who)
            if take.per_track:
                who = replace(who, ids={**who.ids, "view": who.ids["view"] + first})
            views[name] = (x, who)
            first += take.per_track
        return views

    def fixed_views(self) -> Iterator[Batch]:
        """This process's part of the validation batches; the same tracks and the same crops at every call.

        They are drawn by the recipe's sampler. All are of one size, the training batch or what there is, since the
        value of a contrast depends on it.
        """
        process, processes = self._process()
        plan = self._validation_plan(processes)
        for number in range(len(plan)):
            size = plan.rows.shape[1]
            part = plan[number][process:size:processes]
            yield Batch(number, self._see(part, "validation crop", number, process), {})

    def _validation_plan(self, processes: int) -> Drawn:
        """Batches of validation tracks, [batches b]; none where there are too few of them."""
        size = min(self._batch, len(self.valid_rows))
        while size := size // processes * processes:
            generator = generator_for(self._seed, "looked at")
            with suppress(UserError):  # a size that the sampler cannot fill, e.g. an odd one with pairs
                plan = self._sampler.watching().epoch(self.library, self.valid_rows, batch=size, generator=generator)
                if len(plan):
                    return plan[: max(LOOKED_AT // size, 1)]
            size -= 1
        return Drawn.alone(np.zeros((0, 0), np.int64))

    def example(self) -> Batch:
        """A batch to time a step with; it is not part of the run."""
        process, processes = self._process()
        drawn = self.stream(process=process, processes=processes).next_batch()
        return Batch(0, self._see(drawn, "example", 0, process), {})

    @property
    def waited(self) -> float:
        """Seconds that training has waited for batches so far."""
        return self._loader.waited if self._loader else 0.0

    def trained_on(self, batch: Batch) -> None:
        """Note that ``batch`` is behind us: a resumed run starts with the one after it."""
        self._position = batch.after

    def state_dict(self) -> dict[str, object]:
        """Where training stands, not how far the thread has read ahead."""
        return {"position": dict(self._position) if self._position else None}

    def load_state_dict(self, state_dict: dict[str, Mapping[str, int] | None]) -> None:
        """Go on from there."""
        self._position = state_dict["position"]

    def close(self) -> None:
        """End the thread."""
        if self._loader:
            self._loader.close()


def _check_kind(recipe: Recipe, library: Library) -> None:
    """Make sure that crops of features go to a tower of features, and crops of audio to one of audio."""
    towers, featured = recipe.resolved()["towers"], library.info.get("kind") == "features"
    for view, take in recipe.build_takes().items():
        name = recipe.view_towers()[view]
        if not isinstance(take, Crop) or towers[name].get("follow"):
            continue
        frontend = towers[name].get("frontend") or {}
        if featured == (frontend.get("kind") == "stored"):
            continue
        bands = library.info.get("bands", 48)
        fix = f"Prepare the music itself, or set towers.{name}.frontend={{kind: stored, bands: {bands}}}."
        if not featured:
            fix = f"Prepare features (--features), or give towers.{name} a frontend of audio, e.g. log_mel."
        raise UserError(
            f"holds {'stored features' if featured else 'audio'}, and tower {name} of the recipe takes "
            f"{'audio' if featured else 'stored features'}",
            name="library", value=library.root, fix=fix,
        )  # fmt: skip
