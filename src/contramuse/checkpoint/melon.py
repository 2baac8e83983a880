"""Audio encoders of the Melon playlist data as models of ours: Ferraro et al. 2021, and PlaylistContrastive.

What their ``audio_encoder_epoch_*.pt`` hold (weights only; nothing in them is ever run):

* Ferraro et al.: ``audio_encoder.{0 norm | 1..7 block}.*`` with ``conv`` and ``bn`` in a block, ``fc_audio.{0,1,4,5}``
  (linear, batch normalisation, linear, layer normalisation);
* PlaylistContrastive, SC-CNN: the same under ``audio_encoder.audio_backbone.``, and ``fc_audio.fc.*``;
* PlaylistContrastive, ResNet-18: ``audio_encoder.resnet_model.*`` as torchvision names them, and ``fc_audio.fc.*``.

A downstream model of PlaylistContrastive has the same layout; its ``fc_audio.fc`` is a classifier. Ferraro et al. read
Melon's decibels as they are, PlaylistContrastive log10(0.01 + 10^(dB / 20)). In training Ferraro et al. gave the
network 256 x 48 numbers read as 48 x 256, not turned; their script for embeddings gives it true bands and frames, and
so do we.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from contramuse.checkpoint.foreign import Imported, State, fitted, named_classes, read_state, save_imported
from contramuse.encoders.heads import MLP
from contramuse.encoders.resnet import ResNet18
from contramuse.encoders.sc_cnn import SCCNN
from contramuse.errors import ModelFileError

ROOTS = ("audio_encoder.audio_backbone.", "audio_encoder.resnet_model.", "audio_encoder.")
BLOCK = re.compile(r"([1-7])\.(conv|bn)\.(\w+)")
BANDS, WIDTH, PROJECTION = 48, 1024, 128
NETWORKS = {"sc_cnn": "SC-CNN", "resnet18": "ResNet-18"}


def import_melon(file: str | Path, out: str | Path, *, classes: Sequence[str] | None = None) -> Imported:
    """Turn an audio encoder of Ferraro et al. or of PlaylistContrastive into a model folder.

    Args:
        file: ``audio_encoder_epoch_best.pt`` or another epoch's.
        out: folder of the model.
        classes: names of the outputs in order, where the file is of a downstream classifier.

    Raises:
        ModelFileError: the file is absent, damaged, needs unpickling, or holds another network.
        UserError: the classes do not fit.
    """
    from contramuse.recipe import load_recipe

    state = {key.removeprefix("module."): value for key, value in read_state(file).items()}
    root = next((root for root in ROOTS if any(key.startswith(root) for key in state)), None)
    if root is None:
        fix = "Give audio_encoder_epoch_best.pt; encoders of tags and of playlists are no models of audio."
        raise ModelFileError("has no audio encoder", name="checkpoint", value=file, fix=fix)
    kind = "resnet18" if root.endswith("resnet_model.") else "sc_cnn"
    encoder = _encoder({key[len(root) :]: value for key, value in state.items() if key.startswith(root)}, kind, file)
    head, layers = _head(state, file)
    resolved = copy.deepcopy(load_recipe("playlist_pairs").resolved())
    tower = resolved["towers"][resolved["embed"]["tower"]]
    tower["encoder"], tower["head"] = {"kind": kind}, head
    if root == ROOTS[-1]:
        tower["frontend"] = {**tower["frontend"], "transform": "none"}
    classifies = bool(layers) and (classes is not None or head["out"] != PROJECTION)
    described = "none" if not layers else f"{'classifier' if classifies else 'projector'}, to {head['out']}"
    names = named_classes(classes, head["out"]) if classifies else ()
    extra: dict[str, Any] = {"head": described, **({"classes": list(names)} if names else {})}
    folder = save_imported(out, resolved=resolved, encoder=encoder, layers=layers, file=file, extra=extra)
    known = (root, "fc_audio.")
    left_out = tuple(key for key in state if not key.startswith(known))
    rate: int = resolved["sample_rate"]
    return Imported(folder, NETWORKS[kind], rate, round(resolved["embed"]["window"] * rate), described, names, left_out)


def _encoder(found: Mapping[str, Tensor], kind: str, file: str | Path) -> State:
    with torch.device("meta"):
        network = ResNet18(bands=BANDS) if kind == "resnet18" else SCCNN(bands=BANDS)
    if kind == "sc_cnn":
        found = {_renamed(key): value for key, value in found.items()}
    return fitted(found, network, file, name=NETWORKS[kind])


def _renamed(key: str) -> str:
    """A layer of SC-CNN as ours is called."""
    if block := BLOCK.fullmatch(key):
        return f"blocks.{int(block[1]) - 1}.{'conv' if block[2] == 'conv' else 'norm'}.{block[3]}"
    return re.sub(r"^0\.", "norm.", key)


def _head(state: Mapping[str, Tensor], file: str | Path) -> tuple[dict[str, Any], State]:
    """The head as a recipe has it, and its state; the identity where the file has none."""
    own = {re.sub(r"^fc_audio\.(fc\.)?", "", key): value for key, value in state.items() if key.startswith("fc_audio.")}
    numbers = sorted({int(key.split(".")[0]) for key in own if re.fullmatch(r"\d+\.\w+", key)})
    linear = [n for n in numbers if f"{n}.weight" in own and own[f"{n}.weight"].ndim == 2]
    batch = [n for n in numbers if f"{n}.running_mean" in own]
    if not linear:
        return {"kind": "identity"}, {}
    last = [n for n in numbers if n > linear[-1]]
    settings: dict[str, Any] = {
        "kind": "mlp", "out": own[f"{linear[-1]}.weight"].shape[0], "layers": len(linear),
        "hidden": own[f"{linear[0]}.weight"].shape[0], "bias": "all", "norm": "batch" if batch else "none",
        "norm_out": "layer" if last else "none",
    }  # fmt: skip
    with torch.device("meta"):
        head = MLP(dim_in=WIDTH, **{name: value for name, value in settings.items() if name != "kind"})
    places = [n for n, layer in enumerate(head.layers) if list(layer.parameters())]
    theirs = [*linear, *batch]
    renamed = {n: f"layers.{place}" for n, place in zip(sorted(theirs), places, strict=False)}
    renamed |= dict.fromkeys(last, "norm_out")
    found = {f"{renamed.get(int(k.split('.')[0]), 'layers.?')}.{k.split('.')[1]}": v for k, v in own.items()}
    return settings, fitted(found, head, file, name="a projection of two or three layers")
