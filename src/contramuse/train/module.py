"""The training step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from contramuse.encoders.tower import Output, Tower, follow
from contramuse.rows import Rows
from contramuse.sampling import generator_for
from contramuse.train.data import Batch, MusicData
from contramuse.train.optimizers import build_optimizer
from contramuse.train.pieces import in_pieces

if TYPE_CHECKING:
    from contramuse.recipe import Recipe

FULL_SCALE = 32768
OUTPUT_VIEWS = 10_000
"""Added to a view's number for each further output of its tower."""


@dataclass(frozen=True)
class Seen:
    """What comes out of the towers for a batch.

    Args:
        h: view -> representations [m h], float32.
        z: view or "view.output" -> embeddings [n d], float32.
        rows: the same names -> who the rows are.
    """

    h: dict[str, Tensor]
    z: dict[str, Tensor]
    rows: dict[str, Rows]


class Contrastive(LightningModule):
    """Views go through augmentation and their towers, and the strategy compares what comes out.

    Under accumulation every batch is compared within itself: ``accumulate`` averages gradients, and does not add
    negatives (``pieces`` does not change them either, and keeps the memory of a part of the batch). Under DDP the
    strategy compares with the rows of every process.

    Args:
        recipe: what to build.
        sample_rate: of the library, in Hz.
    """

    def __init__(self, recipe: Recipe, *, sample_rate: int) -> None:
        super().__init__()
        torch.manual_seed(recipe.train.seed)  # initial weights: torch's initialisers know no other generator
        self.towers = recipe.build_towers(sample_rate=sample_rate)
        self.strategy = recipe.build_strategy()
        self._chains = recipe.build_chains(sample_rate=sample_rate)
        self.tower_of, self._train, self._seed = recipe.view_towers(), recipe.train, recipe.train.seed
        self._inputs, self._followers = recipe.inputs, recipe.followers
        if recipe.train.compile == "default":
            for name in self.towers:
                self.tower(name).encoder.compile()

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """The loss of one batch."""
        loss = self.loss_of(batch)
        data: MusicData = self.trainer.datamodule  # type: ignore[attr-defined]
        data.trained_on(batch)
        return loss

    def loss_of(self, batch: Batch) -> Tensor:
        """The strategy's loss of ``batch``, a scalar."""
        # An encoder of a user's own may hold nn.Dropout, which draws from the global generator.
        torch.manual_seed(self._seed + 1_000_003 * (batch.number + 1) + self.global_rank)
        seen = self.see(batch, purpose="train")
        return self.strategy.loss(seen.z, seen.rows)

    def see(self, batch: Batch, *, purpose: str) -> Seen:
        """Every view through its tower.

        Args:
            batch: holds the views.
            purpose: tells the random draws of training from those of validation.
        """
        inputs: dict[str, Tensor] = {}
        seen = Seen({}, {}, {})
        for view, (x, who) in batch.views.items():
            source = self._inputs[view]
            inputs[view] = self._augmented(view, x, batch, purpose) if source == view else inputs[source]
            seen.h[view], outputs = self._through(view, inputs[view], batch, purpose)
            for number, (name, output) in enumerate(outputs.items()):
                full = f"{view}.{name}" if name else view
                seen.z[full], seen.rows[full] = output.spread(_as_output(who, number, len(outputs)))
        return seen

    def _augmented(self, view: str, x: Tensor, batch: Batch, purpose: str) -> Tensor:
        """What the tower's encoder reads of a view: features after both chains; tags and vectors as they are."""
        waveform_chain, feature_chain = self._chains[view]
        tower = self.tower(self.tower_of[view])
        generator = generator_for(self._seed, "augment", purpose, view, batch.number, self.global_rank)
        with torch.autocast(x.device.type, enabled=False):  # spectra span more than 16-bit floats keep apart
            if x.dtype == torch.int16:
                x = x.float() / FULL_SCALE
            if x.ndim == 3 and x.shape[1] == 1:
                x = waveform_chain.apply(x, waveform_chain.draw(len(x), generator))
            features = tower.features(x)
            if features.ndim == 3:
                features = feature_chain.apply(features, feature_chain.draw(len(x), generator))
        return features

    def _through(self, view: str, features: Tensor, batch: Batch, purpose: str) -> tuple[Tensor, dict[str, Output]]:
        tower = self.tower(self.tower_of[view])
        draws: tuple[str | int, ...] = ("encoder", purpose, view, batch.number, self.global_rank)
        pieces = self._train.pieces if purpose == "train" else 1
        h, outputs = in_pieces(
            tower, features, pieces=pieces,
            generator=lambda piece: generator_for(
                self._seed, *draws, *((piece,) if pieces > 1 else ()), device=features.device
            ),
        )  # fmt: skip
        return h.float(), outputs

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Towers that follow others take a step towards them after every optimiser step."""
        if self._followers and (batch_idx + 1) % self._train.accumulate == 0:
            for name, (leader, momentum) in self._followers.items():
                follow(self.tower(name), self.tower(leader), momentum=momentum)

    def tower(self, name: str) -> Tower:
        """The tower ``name``, typed."""
        found = self.towers[name]
        assert isinstance(found, Tower)
        return found

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The recipe's optimiser; ``Pace`` sets its learning rate."""
        return build_optimizer(self, self._train.optimizer)


def _as_output(who: Rows, number: int, count: int) -> Rows:
    """Who the rows are as the ``number``-th of ``count`` outputs of one head: each output is a view of its own."""
    if count == 1:
        return who
    return replace(who, ids={**who.ids, "view": who.ids["view"] + OUTPUT_VIEWS * number})
