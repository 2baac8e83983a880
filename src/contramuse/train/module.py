"""The training step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from contramuse.encoders.tower import Tower
from contramuse.rows import Rows
from contramuse.sampling import generator_for
from contramuse.train.data import Batch, MusicData
from contramuse.train.optimizers import build_optimizer

if TYPE_CHECKING:
    from contramuse.recipe import Recipe


class Contrastive(LightningModule):
    """Views go through augmentation and their towers, and the strategy compares what comes out.

    Under accumulation every batch is compared within itself: ``accumulate`` averages gradients, and does not add
    negatives. Under DDP the strategy compares with the rows of every process.

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
        seen = {name: self.see(name, batch, purpose="train")[1] for name in batch.views}
        return self.strategy.loss(seen, rows_of(batch))

    def see(self, view: str, batch: Batch, *, purpose: str) -> tuple[Tensor, Tensor]:
        """Representations [m h] and embeddings [m d] of the rows of ``view``, in float32.

        Args:
            view: name of the view.
            batch: holds it.
            purpose: tells the random draws of training from those of validation.
        """
        x, _ = batch.views[view]
        draws = (purpose, view, batch.number, self.global_rank)
        waveform_chain, feature_chain = self._chains[view]
        generator = generator_for(self._seed, "augment", *draws)
        tower = self.tower(self.tower_of[view])
        with torch.autocast(x.device.type, enabled=False):  # spectra span more than 16-bit floats keep apart
            audio = x.float() / 32768
            audio = waveform_chain.apply(audio, waveform_chain.draw(len(x), generator))
            features = tower.frontend(audio)
            features = feature_chain.apply(features, feature_chain.draw(len(x), generator))
        represented = tower.encoder(features, generator_for(self._seed, "encoder", *draws, device=x.device))
        return represented.float(), tower.head(represented).float()

    def tower(self, name: str) -> Tower:
        """The tower ``name``, typed."""
        found = self.towers[name]
        assert isinstance(found, Tower)
        return found

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The recipe's optimiser; ``Pace`` sets its learning rate."""
        return build_optimizer(self, self._train.optimizer)


def rows_of(batch: Batch) -> dict[str, Rows]:
    """Who the rows of each view are."""
    return {name: who for name, (_, who) in batch.views.items()}
