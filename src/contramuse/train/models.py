"""The models that a run writes: the best, the last, and those of the past for curves over training."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch import Callback, LightningModule, Trainer

from contramuse.catalogue.vectors import vectors_hash
from contramuse.checkpoint.folder import INFO
from contramuse.checkpoint.model import save_model
from contramuse.train.bar import Bar
from contramuse.train.keeper import check_weights, read_checkpoint
from contramuse.train.pace import Pace
from contramuse.train.runs import code_version, stored_run
from contramuse.views import Classes, Tags, Vector

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.recipe import Recipe
    from contramuse.train.module import Contrastive


class Models:
    """Writes models into the folder of a run.

    Args:
        run: the folder.
        module: that is trained.
        recipe: what it was built from.
        library: what it is trained on.
    """

    def __init__(self, run: Path, module: Contrastive, *, recipe: Recipe, library: Library) -> None:
        self.run, self._module, self._recipe, self._library = run, module, recipe, library

    def bytes(self) -> int:
        """Size of one model."""
        return sum(value.numel() * value.element_size() for value in self._module.towers.state_dict().values())

    def save(self, name: str, numbers: Mapping[str, Any]) -> None:
        """The module's weights of now, as the model RUN/``name``; ``numbers`` are said of it.

        Raises:
            StorageError: it cannot be written.
        """
        begun = stored_run(self.run).get("from")
        facts = {
            "code_version": code_version(), "library_fingerprint": self._library.fingerprint,
            **_asked(self._recipe, self._library), **({"from": begun} if begun else {}),
        }  # fmt: skip
        save_model(
            self.run / name, towers=self._module.towers, tower=self._recipe.embed.tower,
            recipe=self._recipe.resolved(), sample_rate=self._library.sample_rate, extra={**facts, **numbers},
        )  # fmt: skip

    def finish(self) -> None:
        """``model-last`` from last.ckpt, and ``model`` from best.ckpt, or from the last where nothing was watched."""
        last, best = (self.run / "checkpoints" / name for name in ("last.ckpt", "best.ckpt"))
        for source, name in ((last, "model-last"), (best if best.exists() else last, "model")):
            state = read_checkpoint(source)
            self._module.load_state_dict(state["state_dict"])
            self.save(name, state["numbers"])


class Past(Callback):
    """Keeps a model of every so many steps, the start included, as RUN/models/step-001000; comes after the session.

    Models and not checkpoints: a curve over training embeds and probes each of them, which needs no optimiser, and
    under Adam a model is a third of a checkpoint. ``last.ckpt`` is what a run goes on from.

    Args:
        models: writes them.
        pace: knows how many there will be.
        bar: says what they take.
        every: steps between two; 0 keeps none.
    """

    def __init__(self, models: Models, pace: Pace, bar: Bar, *, every: int) -> None:
        self._models, self._pace, self._bar, self._every = models, pace, bar, every
        self._step = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say what they will take, and keep the model of the step that the run begins or goes on with."""
        self._step = trainer.global_step
        if not self._every or not trainer.is_global_zero:
            return
        if not self._pace.stopped_by:
            self._tell()
        if self._step % self._every == 0 and not (self._models.run / self._name / INFO).exists():
            self._save()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep the model where one is due."""
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        if not self._every or self._step % self._every:
            return
        self._pace.check_now(trainer)
        check_weights(trainer)
        if trainer.is_global_zero:
            self._save()

    def _tell(self) -> None:
        ahead = self._pace.expected_steps(self._step) // self._every - (self._step - 1) // self._every
        each, free = self._models.bytes(), shutil.disk_usage(self._models.run).free
        self._bar.say(
            f"every {self._every:,} steps a model is kept in {self._models.run / 'models'}: about {ahead:,} of "
            f"{_megabytes(each)}, {_megabytes(ahead * each)}; {_megabytes(free)} of the disk are free",
            style="bold yellow" if ahead * each > free else "",
        )

    @property
    def _name(self) -> str:
        return f"models/step-{self._step:06d}"

    def _save(self) -> None:
        self._models.save(self._name, {"steps": self._step, "seconds": self._pace.elapsed})


def _megabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def _asked(recipe: Recipe, library: Library) -> dict[str, dict[str, object]]:
    """What each number of the views of tags, classes and vectors stands for: a search asks, another run goes on."""
    asked: dict[str, dict[str, object]] = {"tags": {}, "classes": {}, "vectors": {}}
    for view, take in recipe.build_takes().items():
        if isinstance(take, (Tags, Classes)):
            classes = list(library.fields[take.labels].classes)
            kind = "tags" if isinstance(take, Tags) else "classes"
            asked[kind][view] = {"labels": take.labels, "classes": classes}
        if isinstance(take, Vector):
            asked["vectors"][view] = {"name": take.name, "hash": vectors_hash(library.vectors(take.name))}
    return asked
