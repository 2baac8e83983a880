"""Demucs (Défossez et al.), the separator that is maintained; MIT licence, weights too."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from jaxtyping import Float
from torch import Tensor

from contramuse.catalogue.separate.weights import digest, load_weights
from contramuse.errors import MissingDependencyError, ModelFileError, UserError

NAME = "htdemucs"
OVERLAP = 0.25
_FIX = "Give a folder with NAME.yaml and its .th or .safetensors files, as demucs keeps them, or one such file."


class Demucs:
    """A model of demucs, or a bag of them; see ``base.Separator``.

    Without the random shifts that demucs averages over, so the same music gives the same stems.

    Args:
        model: demucs' own module.
        label: its name.
        device: where it runs.
    """

    scaling: Literal["track", "none"] = "track"

    def __init__(self, model: Any, *, label: str, device: torch.device) -> None:
        if model.audio_channels != 2:
            fix = "Use a model of two channels, as all of demucs' own are."
            raise ModelFileError(f"has {model.audio_channels} channels", name="--weights", value=label, fix=fix)
        self._model, self._device = model.eval(), device
        self.name = f"demucs {label} {digest(model)}"
        self.sample_rate: int = int(model.samplerate)
        self.sources: tuple[str, ...] = tuple(model.sources)

    def separate(self, x: Float[Tensor, "2 t"]) -> Float[Tensor, "s 2 t"]:
        """See ``base.Separator.separate``."""
        from demucs.apply import apply_model

        out: Tensor = apply_model(self._model, x[None], shifts=0, overlap=OVERLAP, device=self._device)[0]
        return out


def load_demucs(weights: Path | None, *, device: torch.device) -> Demucs:
    """Demucs with weights from a file or folder, or (None) with the ones that it downloads itself.

    Files of weights hold a class by name; only demucs' own classes are taken, and nothing else in a file is run.

    Raises:
        MissingDependencyError: demucs is not installed.
        ModelFileError: there are no such weights, or they are not demucs'.
        UserError: they could not be downloaded.
    """
    try:
        from demucs.pretrained import get_model
    except ImportError as error:
        fix = "Run pip install 'contramuse[stems]'."
        raise MissingDependencyError("is needed and not installed", name="demucs", fix=fix) from error
    if weights is None:
        try:
            return Demucs(get_model(NAME), label=NAME, device=device)
        except (OSError, RuntimeError, ValueError) as error:
            reason = str(error).split("\n")[0][:200] or type(error).__name__
            fix = "Go online once, or give the weights with --weights."
            raise UserError(f"its weights could not be downloaded ({reason})", name="demucs", fix=fix) from error
    file = _chosen(weights)
    model = _bag(file) if file.suffix == ".yaml" else _single(file)
    return Demucs(model, label=file.stem.split("-")[0], device=device)


def _chosen(weights: Path) -> Path:
    """The bag or model that a path means."""
    if weights.is_file():
        return weights
    if not weights.is_dir():
        raise ModelFileError("there is no such file or folder", name="--weights", value=weights, fix=_FIX)
    for found in ([weights / f"{NAME}.yaml"], sorted(weights.glob("*.yaml")), _models(weights)):
        known = [file for file in found if file.is_file()]
        if len(known) == 1:
            return known[0]
        if known:
            names = ", ".join(file.name for file in known)
            raise ModelFileError(f"holds several models ({names})", name="--weights", value=weights, fix="Name one.")
    raise ModelFileError("holds no weights of demucs", name="--weights", value=weights, fix=_FIX)


def _models(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix in (".th", ".safetensors"))


def _bag(file: Path) -> Any:
    from demucs.apply import BagOfModels

    try:
        bag = yaml.safe_load(file.read_text(encoding="utf-8"))
        signatures = [str(signature) for signature in bag["models"]]
        found = {sig: [f for f in _models(file.parent) if f.stem.split("-")[0] == sig] for sig in signatures}
        lacking = [sig for sig, files in found.items() if len(files) != 1]
        if lacking:
            raise _damaged(file, f"the folder has not one file each for {', '.join(lacking)}")
        return BagOfModels([_single(found[sig][0]) for sig in signatures], bag.get("weights"), bag.get("segment"))
    except (OSError, yaml.YAMLError, KeyError, TypeError, AssertionError) as error:
        raise _damaged(file, f"is no bag of models that fit together ({error})") from error


def _single(file: Path) -> Any:
    """One model: class, arguments and state, from demucs' own two kinds of files."""
    import demucs.demucs
    from demucs.hdemucs import HDemucs
    from demucs.htdemucs import HTDemucs
    from demucs.states import load_model

    classes = (HTDemucs, HDemucs, demucs.demucs.Demucs)
    try:
        if file.suffix == ".safetensors":
            package = _safetensors(file, {f"{kind.__module__}.{kind.__name__}": kind for kind in classes})
        else:
            package = load_weights(file, classes=(*classes, Fraction))
        if package["klass"] not in classes:
            raise _damaged(file, f"holds a {package['klass']}, which is no model of demucs")
        make: Any = load_model  # demucs says no types
        return make({name: package[name] for name in ("klass", "args", "kwargs", "state")})
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise _damaged(file, f"cannot be read ({str(error)[:200]})") from error


def _safetensors(file: Path, classes: dict[str, Any]) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(str(file), framework="pt") as opened:
        facts = opened.metadata() or {}
        state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no dictionary
    if facts.get("klass") not in classes or "structure" in facts:
        raise _damaged(file, f"holds {facts.get('klass', 'no class')}, or is quantised: neither is read")
    args, kwargs = (json.loads(facts[name], object_hook=_fraction) for name in ("args", "kwargs"))
    return {"klass": classes[facts["klass"]], "args": args, "kwargs": kwargs, "state": state}


def _fraction(value: dict[str, Any]) -> Any:
    return Fraction(value["numerator"], value["denominator"]) if value.get("_type") == "fraction" else value


def _damaged(file: Path, problem: str) -> ModelFileError:
    return ModelFileError(problem, name="--weights", value=file, fix=_FIX)
