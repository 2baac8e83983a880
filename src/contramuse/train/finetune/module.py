"""The training step of a classifier on an encoder, frozen or not."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from typing_extensions import Self

from contramuse.encoders import HEADS
from contramuse.sampling import generator_for
from contramuse.train.finetune import lora
from contramuse.train.finetune.data import LabelledData, Windows
from contramuse.train.finetune.labels import Labels, loss_of
from contramuse.train.finetune.settings import Settings
from contramuse.train.optimizers import layered_groups, optimizer_over, weight_groups

if TYPE_CHECKING:
    from contramuse.augment.chain import Chain

FULL_SCALE = 32768


class Classifier(LightningModule):
    """Windows go through augmentation, the tower's frontend and encoder, and the head.

    A frozen encoder is in evaluation mode whatever the mode of the module, so that its BatchNorm uses the running
    statistics and leaves them as they are, and it has no gradient. So is one with adapters, which alone have one.

    Args:
        towers: of the model; all but the one that embeds are left alone.
        tower: name of the one that embeds.
        labels: what is learnt.
        settings: of the run.
        chains: on waveforms and on features.
    """

    def __init__(
        self, towers: nn.ModuleDict, *, tower: str, labels: Labels, settings: Settings, chains: tuple[Chain, Chain]
    ) -> None:
        super().__init__()
        self.towers, self._tower, self.settings = towers.requires_grad_(False), tower, settings
        self._chains, self._kind = chains, labels.loss
        inner: Any = towers[tower]
        if settings.encoder == "full":
            inner.frontend.requires_grad_(True)
            inner.encoder.requires_grad_(True)
        if settings.encoder == "lora":
            lora.adapt(inner.encoder, **settings.adapters, seed=settings.seed)
        torch.manual_seed(settings.seed)  # initial weights: torch's initialisers know no other generator
        self.head = build_head(
            settings.head, dim_in=inner.dim, out=len(labels.classes), dropout=settings.dropout, **settings.head_settings
        )
        self.train()

    @property
    def tower(self) -> Any:
        """The tower that embeds."""
        return self.towers[self._tower]

    def counts(self) -> dict[str, int]:
        """Trained weights of the head and of the encoder; all that the encoder had before; layers with adapters."""
        encoder = [*self.tower.frontend.parameters(), *self.tower.encoder.parameters()]
        adapters = lora.adapters(self.tower.encoder)
        added = sum(weight.numel() for one in adapters for weight in one.parameters())
        return {
            "head": sum(weight.numel() for weight in self.head.parameters()),
            "encoder_trained": sum(weight.numel() for weight in encoder if weight.requires_grad),
            "encoder": sum(weight.numel() for weight in encoder) - added,
            "adapters": len(adapters),
        }

    def train(self, mode: bool = True) -> Self:
        """Training mode for what is trained; the rest stays in evaluation mode."""
        super().train(mode)
        self.towers.eval()
        if self.settings.encoder == "full":
            self.tower.frontend.train(mode)
            self.tower.encoder.train(mode)
        return self

    def training_step(self, batch: Windows, index: int) -> Tensor:
        """The loss of one batch."""
        loss = self.loss_of(batch)
        data: LabelledData = self.trainer.datamodule  # type: ignore[attr-defined]
        data.trained_on(batch)
        return loss

    def loss_of(self, batch: Windows) -> Tensor:
        """The loss of ``batch``, a scalar."""
        # An encoder of a user's own may hold nn.Dropout, which draws from the global generator.
        torch.manual_seed(self.settings.seed + 1_000_003 * (batch.number + 1))
        h = self.represent(batch, purpose="train")
        draws = generator_for(self.settings.seed, "fine-tuning head", batch.number, device=h.device)
        return loss_of(self.head(h, draws), batch.y, kind=self._kind)

    def represent(self, batch: Windows, *, purpose: str) -> Tensor:
        """The encoder's vectors of a batch [b h].

        Args:
            batch: windows.
            purpose: "train" augments, where the settings say so.
        """
        draws = (self.settings.seed, "fine-tuning", purpose, batch.number)
        frozen = self.settings.encoder == "frozen"
        with torch.no_grad() if frozen else nullcontext():
            features = self._features(batch, purpose)
            vectors: Tensor = self.tower.encoder(features, generator_for(*draws, "encoder", device=features.device))
        return vectors

    def _features(self, batch: Windows, purpose: str) -> Tensor:
        x, (on_waveform, on_features) = batch.x, self._chains
        generator = generator_for(self.settings.seed, "fine-tuning augment", batch.number)
        augmented = purpose == "train" and self.settings.augment == "recipe"
        with torch.autocast(x.device.type, enabled=False):  # spectra span more than 16-bit floats keep apart
            if x.dtype == torch.int16:
                x = x.float() / FULL_SCALE
            if augmented and x.shape[1] == 1:
                x = on_waveform.apply(x, on_waveform.draw(len(x), generator))
            features: Tensor = self.tower.frontend(x)
            if augmented and features.ndim == 3:
                features = on_features.apply(features, on_features.draw(len(x), generator))
        return features

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The settings' optimiser over what is trained; ``Pace`` sets its learning rate."""
        wanted = self.settings.train(per_epoch=1).optimizer
        if self.settings.layer_decay == 1:
            groups = weight_groups(self, weight_decay=wanted.weight_decay)
            return optimizer_over([group for group in groups if group["params"]], wanted)
        below = nn.ModuleDict({"frontend": self.tower.frontend, "encoder": self.tower.encoder})
        groups = layered_groups(
            below, self.head, weight_decay=wanted.weight_decay, layer_decay=self.settings.layer_decay
        )
        return optimizer_over(groups, wanted)


def build_head(
    kind: str,
    *,
    dim_in: int,
    out: int,
    dropout: float = 0.0,
    hidden: int = 512,
    layers: int = 1,
    bias: Literal["none", "all"] | None = None,
    norm: Literal["none", "batch"] = "none",
    norm_out: Literal["none", "layer"] = "none",
) -> nn.Module:
    """A classifier's head [b h] -> [b c]; the defaults are SemiSupCon's MLP and CLMR's linear head.

    Args:
        kind: "linear" or "mlp".
        dim_in: size of the encoder's vector.
        out: number of classes.
        dropout: before a linear head, after each hidden layer of an MLP.
        hidden: width of the hidden layers.
        layers: number of hidden layers, at least 1.
        bias: of every layer; None is "all" for a linear head, "none" for an MLP.
        norm: "batch" puts batch normalisation before each ReLU.
        norm_out: "layer" ends in layer normalisation.
    """
    if kind == "linear":
        return HEADS["linear"](dim_in=dim_in, out=out, bias=bias or "all", dropout=dropout)
    return HEADS["mlp"](
        dim_in=dim_in, out=out, hidden=hidden, layers=layers + 1, bias=bias or "none", norm=norm, norm_out=norm_out,
        dropout=dropout,
    )  # fmt: skip
