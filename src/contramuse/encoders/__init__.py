"""Encoders (features to one vector per row) and heads (projections that are dropped after training), by name.

An encoder is an ``nn.Module`` with a flat keyword-only constructor and an attribute ``dim``; ``forward(x [b f n],
generator=None) -> [b dim]``. In eval mode it is deterministic, ignores the generator, and a row's vector does not
depend on its neighbours. A constructor parameter named ``bands`` is given by the frontend, never by a recipe.

An encoder of what is known of a track besides its audio reads vectors [b w], or numbers of tags or classes [b k]; its
setting ``width`` is the size of the vectors, or how many tags or classes there are (0 in a recipe: what the library
has).

A head has ``dim`` too; its parameter ``dim_in`` is given by the encoder; ``forward(h [... h], generator=None) ->
[... d]``. One whose ``takes`` is "sequence" reads the steps of a sequence encoder instead of its vector.
"""

from __future__ import annotations

from torch import nn

from contramuse.encoders.class_table import ClassTable
from contramuse.encoders.cpc_conv import CPCConv
from contramuse.encoders.cpc_head import CPC
from contramuse.encoders.efficientnet import EfficientNetB0
from contramuse.encoders.heads import MLP, Identity, Linear, NormTanh, Predictor
from contramuse.encoders.mel_conv import MelConv, MelConvMulti
from contramuse.encoders.mel_transformer import MelTransformer
from contramuse.encoders.resnet import ResNet18
from contramuse.encoders.sample_cnn import SampleCNN
from contramuse.encoders.sc_cnn import SCCNN
from contramuse.encoders.short_chunk import ShortChunkRes
from contramuse.encoders.tags import TagAttention, TagMean
from contramuse.encoders.tower import Tower
from contramuse.encoders.tune_plus import TunePlus
from contramuse.encoders.vector import DenseVector

ENCODERS: dict[str, type[nn.Module]] = {
    "cpc_conv": CPCConv,
    "dense": DenseVector,
    "efficientnet_b0": EfficientNetB0,
    "mel_conv": MelConv,
    "mel_conv_multi": MelConvMulti,
    "mel_transformer": MelTransformer,
    "resnet18": ResNet18,
    "sample_cnn": SampleCNN,
    "sc_cnn": SCCNN,
    "short_chunk_res": ShortChunkRes,
    "table": ClassTable,
    "tag_attention": TagAttention,
    "tag_mean": TagMean,
    "tune_plus": TunePlus,
}
HEADS: dict[str, type[nn.Module]] = {
    "cpc": CPC,
    "identity": Identity,
    "linear": Linear,
    "mlp": MLP,
    "norm_tanh": NormTanh,
    "predictor": Predictor,
}

__all__ = ["ENCODERS", "HEADS", "MLP", "Identity", "Linear", "MelTransformer", "SampleCNN", "Tower"]
