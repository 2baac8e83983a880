"""Open-Unmix (Stöter et al. 2019), with which MSCOL's stems were made; it needs torchaudio."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from contramuse.catalogue.separate.weights import digest, load_weights
from contramuse.errors import MissingDependencyError, ModelFileError, UserError

NAME = "umxhq"
"""Its weights are free (MIT); those of umxl are not for commercial use."""


class OpenUnmix:
    """Open-Unmix's separator; see ``base.Separator``.

    Args:
        model: the package's own module.
        label: its name.
        device: where it runs.
    """

    scaling: Literal["track", "none"] = "none"

    def __init__(self, model: Any, *, label: str, device: torch.device) -> None:
        self._model, self._device = model.to(device).eval(), device
        self.name = f"openunmix {label} {digest(model)}"
        self.sample_rate: int = int(model.sample_rate)
        self.sources: tuple[str, ...] = tuple(model.target_models)

    def separate(self, x: Float[Tensor, "2 t"]) -> Float[Tensor, "s 2 t"]:
        """See ``base.Separator.separate``."""
        out: Tensor = self._model(x[None].to(self._device))[0]
        return out


def load_openunmix(weights: Path | None, *, device: torch.device) -> OpenUnmix:
    """Open-Unmix with weights from a folder, or (None) with the ones that it downloads itself.

    Args:
        weights: folder with ``separator.json``, and ``<target>.json`` and ``<target>*.pth`` of each target.
        device: where it runs.

    Raises:
        MissingDependencyError: torchaudio or openunmix cannot be imported.
        ModelFileError: the folder does not hold such weights.
        UserError: they could not be downloaded.
    """
    try:
        import torchaudio  # noqa: F401 - openunmix fails without it, in words that say less
        from openunmix import model as parts
        from openunmix.utils import load_separator
    except (ImportError, OSError) as error:
        fix = "Install torchaudio of torch's own version and openunmix, or use --model demucs, which needs neither."
        raise MissingDependencyError(f"cannot be imported ({error})", name="openunmix", fix=fix) from error
    if weights is None:
        try:
            return OpenUnmix(load_separator(NAME, device=device), label=NAME, device=device)
        except (OSError, RuntimeError, ValueError) as error:
            reason = str(error).split("\n")[0][:200] or type(error).__name__
            fix = "Go online once, or give the weights with --weights."
            raise UserError(f"its weights could not be downloaded ({reason})", name="openunmix", fix=fix) from error
    try:
        facts = json.loads((weights / "separator.json").read_text(encoding="utf-8"))
        names = [file.stem for file in sorted(weights.glob("*.json")) if file.stem != "separator"]
        targets = {name: _target(weights, name, parts) for name in names}
        model = parts.Separator(
            target_models=targets, niter=1, sample_rate=facts["sample_rate"], n_fft=facts["nfft"],
            n_hop=facts["nhop"], nb_channels=facts["nb_channels"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, StopIteration, RuntimeError) as error:
        if isinstance(error, ModelFileError):
            raise
        fix = "Give the folder with separator.json and the .json and .pth file of each target."
        raise ModelFileError(
            f"holds no weights of Open-Unmix ({error})", name="--weights", value=weights, fix=fix
        ) from error
    return OpenUnmix(model, label=weights.name, device=device)


def _target(folder: Path, name: str, parts: Any) -> Any:
    """The network of one target."""
    settings = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["args"]
    file = next(iter(sorted(folder.glob(f"{name}*.pth"))))
    state = load_weights(file)
    network = parts.OpenUnmix(
        nb_bins=settings["nfft"] // 2 + 1, nb_channels=settings["nb_channels"], hidden_size=settings["hidden_size"],
        max_bin=state["input_mean"].shape[0],
    )  # fmt: skip
    missing = network.load_state_dict(state, strict=False).missing_keys
    if missing:
        raise ModelFileError(
            f"lacks weights ({', '.join(missing[:3])})", name="--weights", value=file, fix="Get it again."
        )
    return network
