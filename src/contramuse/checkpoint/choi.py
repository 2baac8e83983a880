"""Encoders of Choi et al. 2022 (CSSMA) as models of ours.

What their files hold (weights only; nothing in them is ever run): ``w_ep-*.pth`` and ``encoder_w_ep-*.pth`` are an
encoder, of the last layer (``sequential.{block}.{0 convolution | 1 norm}.*``, ``fc_layer.*``) or of every level
(``convs.{block}.{0|1}.*``, ``fc_layers.{level}.*``); ``cpc-module_w_ep-*.pth`` is what CPC put on top (``gru.*``,
``Wk.{step}.*``) and goes with its encoder. Their images are [frames bands]; ours [bands frames]: kernels are turned.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from contramuse.checkpoint.foreign import Imported, State, fitted, read_state, save_imported
from contramuse.encoders.cpc_head import CPC
from contramuse.encoders.mel_conv import MelConv, MelConvMulti
from contramuse.errors import ModelFileError

Statistics = Literal["fma", "msd", "beatles"]
STATISTICS: dict[str, tuple[float, float]] = {
    "fma": (0.1325546, 0.18435284),
    "msd": (0.1533010751863198, 0.17129572356836764),
    "beatles": (0.13648747, 0.16205402),
}
"""Mean and deviation that their code takes off a mel, by the data set of the training; the files do not say which."""
LAST = re.compile(r"sequential\.([0-4])\.([01])\.(\w+)")
LEVELS = re.compile(r"convs\.([0-4])\.([01])\.(\w+)")
BANDS = 96


def import_choi(
    file: str | Path, out: str | Path, *, head: str | Path | None = None, trained_on: Statistics = "fma"
) -> Imported:
    """Turn an encoder of Choi et al. into a model folder, with the mel that was never compressed, as it was trained.

    Args:
        file: the encoder.
        out: folder of the model.
        head: what CPC put on an encoder of the last layer; the model then embeds by the context of its GRU.
        trained_on: whose statistics the frontend takes off.

    Raises:
        ModelFileError: a file is absent, damaged, needs unpickling, or holds another network.
    """
    from contramuse.recipe import load_recipe

    state = read_state(file)
    multi = any(LEVELS.fullmatch(key) for key in state)
    encoder, dim = _encoder(state, file, multi=multi)
    resolved = copy.deepcopy(load_recipe("choi" if head is None else "choi_cpc").resolved())
    tower = resolved["towers"][resolved["embed"]["tower"]]
    mean, std = STATISTICS[trained_on]
    tower["frontend"] = {**tower["frontend"], "compress": "none", "mean": mean, "std": std}
    tower["encoder"] = {**tower["encoder"], "kind": "mel_conv_multi" if multi else "mel_conv", "dim": dim}
    layers: State = {}
    described = "none"
    if head is not None:
        if multi:
            fix = "Leave --head out: the encoder of every level embeds by itself."
            raise ModelFileError("goes with an encoder of the last layer only", name="--head", value=head, fix=fix)
        layers, settings = _cpc(head, dim)
        tower["head"] = {**tower["head"], **settings}
        described = f"CPC, a GRU of {dim} and {settings['predictions']} predictions"
    folder = save_imported(
        out, resolved=resolved, encoder=encoder, layers=layers, file=file,
        extra={"head": described, "trained_on": trained_on},
    )  # fmt: skip
    rate: int = resolved["sample_rate"]
    name = "MelConv, five levels" if multi else "MelConv"
    left_out = tuple(key for key in state if not re.match(r"sequential\.|convs\.|fc_layers?\.", key))
    return Imported(folder, name, rate, round(resolved["embed"]["window"] * rate), described, (), left_out)


def _encoder(state: Mapping[str, Tensor], file: str | Path, *, multi: bool) -> tuple[State, int]:
    """The encoder's state by our names, and the size of a vector."""
    found: State = {}
    for key, value in state.items():
        if block := (LEVELS if multi else LAST).fullmatch(key):
            name = f"blocks.{block[1]}.{'norm' if block[2] == '1' else 'conv'}.{block[3]}"
            found[name] = value.transpose(2, 3).contiguous() if value.ndim == 4 else value
        elif key.startswith("fc_layer"):
            found[re.sub(r"^fc_layers\.", "linears.", re.sub(r"^fc_layer\.", "linear.", key))] = value
    weight = found.get("linears.4.weight" if multi else "linear.weight")
    if weight is None or weight.ndim != 2:
        fix = "Give the encoder (w_ep-... or encoder_w_ep-...); the module of CPC goes with --head."
        raise ModelFileError("has no encoder of Choi et al.", name="checkpoint", value=file, fix=fix)
    dim = int(weight.shape[0])
    with torch.device("meta"):
        network = MelConvMulti(bands=BANDS, dim=dim) if multi else MelConv(bands=BANDS, dim=dim)
    return fitted(found, network, file, name="MelConv"), dim


def _cpc(file: str | Path, dim: int) -> tuple[State, dict[str, Any]]:
    """CPC's head by our names, and its settings in a recipe."""
    state = read_state(file)
    steps = {int(key.split(".")[1]) for key in state if re.fullmatch(r"Wk\.\d+\.weight", key)}
    settings = {"dim": dim, "predictions": len(steps)}
    if not steps:
        fix = "Give cpc-module_w_ep-....pth, which lies beside the encoder."
        raise ModelFileError("is not the module of CPC", name="--head", value=file, fix=fix)
    with torch.device("meta"):
        head = CPC(dim_in=dim, dim=dim, predictions=len(steps))
    found = {f"levels.0.{re.sub(r'^Wk[.]', 'predictors.', key)}": value for key, value in state.items()}
    return fitted(found, head, file, name="the module of CPC"), settings
