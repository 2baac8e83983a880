"""Encoders (features to one vector per row) and heads (projections that are dropped after training), by name.

An encoder is an ``nn.Module`` with a flat keyword-only constructor and an attribute ``dim``; ``forward(x [b f n],
generator=None) -> [b dim]``. In eval mode it is deterministic, ignores the generator, and a row's vector does not
depend on its neighbours. A constructor parameter named ``bands`` is given by the frontend, never by a recipe.

A head has ``dim`` too; its parameter ``dim_in`` is given by the encoder; ``forward(h [b h]) -> [b d]``.
"""

from __future__ import annotations

from torch import nn

from contramuse.encoders.efficientnet import EfficientNetB0
from contramuse.encoders.heads import MLP, Identity, Linear
from contramuse.encoders.mel_conv import MelConv, MelConvMulti
from contramuse.encoders.mel_transformer import MelTransformer
from contramuse.encoders.resnet import ResNet18
from contramuse.encoders.sample_cnn import SampleCNN
from contramuse.encoders.sc_cnn import SCCNN
from contramuse.encoders.short_chunk import ShortChunkRes
from contramuse.encoders.tower import Tower

ENCODERS: dict[str, type[nn.Module]] = {
    "efficientnet_b0": EfficientNetB0,
    "mel_conv": MelConv,
    "mel_conv_multi": MelConvMulti,
    "mel_transformer": MelTransformer,
    "resnet18": ResNet18,
    "sample_cnn": SampleCNN,
    "sc_cnn": SCCNN,
    "short_chunk_res": ShortChunkRes,
}
HEADS: dict[str, type[nn.Module]] = {"identity": Identity, "linear": Linear, "mlp": MLP}

__all__ = ["ENCODERS", "HEADS", "MLP", "Identity", "Linear", "MelTransformer", "SampleCNN", "Tower"]
