"""The training step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from contramuse.catalogue.vectors import read_class_vectors
from contramuse.encoders.tags import TagAttention, TagMean
from contramuse.encoders.tower import Output, Tower, follow
from contramuse.rows import Rows
from contramuse.sampling import generator_for
from contramuse.train.data import Batch, MusicData
from contramuse.train.optimizers import build_optimizer
from contramuse.train.parts import each_loss, taken_apart
from contramuse.train.pieces import in_pieces
from contramuse.train.session import is_logged
from contramuse.views import Tags

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
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


@dataclass(frozen=True)
class Last:
    """What the last loss was made of, without gradients.

    Args:
        z, rows: as in ``Seen``.
        losses: of each contrast.
    """

    z: dict[str, Tensor]
    rows: dict[str, Rows]
    losses: list[Tensor]


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
        self._last = Last({}, {}, [])
        if recipe.train.compile == "default":
            for name in self.towers:
                self.tower(name).encoder.compile()

    def learn(self, library: Library, data: MusicData) -> None:
        """Before the first step: what the targets must know of the library, and word vectors that tags start from.

        Raises:
            LibraryError: the library has no such word vectors.
        """
        self.strategy.learn(library, data.labelled_rows)
        for view, take in data.takes.items():
            encoder = self.tower(self.tower_of[view]).encoder
            if isinstance(take, Tags) and take.words and isinstance(encoder, (TagAttention, TagMean)):
                encoder.load_vectors(torch.from_numpy(read_class_vectors(library, take.words, field=take.labels)))
        for name, (leader, _) in self._followers.items():
            follow(self.tower(name), self.tower(leader), momentum=0.0)  # begins where its leader begins

    def training_step(self, batch: Batch, index: int) -> dict[str, Tensor]:
        """ "loss" of one batch, the loss of each contrast, and at steps that are logged what more it is made of."""
        loss = self.loss_of(batch)
        found = each_loss(self.strategy, self._last.losses)
        if is_logged(self.trainer.global_step + 1):
            found |= taken_apart(self.strategy, self._last.z, self._last.rows)
        data: MusicData = self.trainer.datamodule  # type: ignore[attr-defined]
        data.trained_on(batch)
        return {**found, "loss": loss}

    def loss_of(self, batch: Batch) -> Tensor:
        """The strategy's loss of ``batch``, a scalar."""
        # An encoder of a user's own may hold nn.Dropout, which draws from the global generator.
        torch.manual_seed(self._seed + 1_000_003 * (batch.number + 1) + self.global_rank)
        seen = self.see(batch, purpose="train")
        losses = self.strategy.losses(seen.z, seen.rows)
        self._last = Last({n: z.detach() for n, z in seen.z.items()}, seen.rows, [x.detach() for x in losses])
        return self.strategy.weighted(losses)

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
        if torch.is_grad_enabled() and self.tower_of[view] in self._followers:
            with torch.no_grad():  # not into its weights, and not through it into features that another tower learns
                return self._through(view, features, batch, purpose)
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

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        """Towers that follow others take a step towards them after every optimiser step.

        It is part of the step, since the checkpoint of a step is written before the hooks that come after a batch.
        """
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
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
