"""What the frontends share: energy spectra of a waveform, and their compression."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from contramuse.errors import RecipeError

Center = Literal["reflect", "zero", "none"]
Compress = Literal["log", "db", "power", "log1p", "none"]


def in_float32(x: Tensor) -> AbstractContextManager[object]:
    """No autocast: spectra span more orders of magnitude than 16-bit floats keep apart."""
    kind = x.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()


def energy(
    x: Float[Tensor, "b 1 t"], *, n_fft: int, hop: int, window: Float[Tensor, " w"], center: Center
) -> Float[Tensor, "b bins n"]:
    """Squared magnitude of the short-time Fourier transform.

    Args:
        x: waveforms.
        n_fft: samples of the transform.
        hop: samples from frame to frame.
        window: w <= n_fft samples, in the middle of the transform's.
        center: "reflect" centres frame i on sample i hop, mirroring the ends; "zero" pads with silence; "none" starts
            the transform of frame i at sample i hop.

    Raises:
        RecipeError: too few samples for one frame.
    """
    least = {"reflect": n_fft // 2 + 1, "zero": 1, "none": n_fft}[center]
    if x.shape[-1] < least:
        raise RecipeError(
            f"is too short for n_fft {n_fft}, which needs {least} samples", name="crop or window",
            value=f"{x.shape[-1]} samples", fix="Give it more seconds, or the frontend a smaller n_fft.",
        )  # fmt: skip
    spectrum = torch.stft(
        x.float().squeeze(1),
        n_fft,
        hop_length=hop,
        win_length=len(window),
        window=window,
        center=center != "none",
        pad_mode="constant" if center == "zero" else "reflect",
        return_complex=True,
    )
    parts = torch.view_as_real(spectrum)
    return parts[..., 0].square() + parts[..., 1].square()  # a sum over an axis of two is 8 times slower


def compressed(
    bands: Float[Tensor, "b f n"], compress: Compress, *, power: float, floor: float, exponent: float = 1.0
) -> Float[Tensor, "b f n"]:
    """Bands of magnitude^power, compressed.

    Args:
        bands: not negative.
        compress: "log" natural logarithm, "db" decibels of the magnitude squared whatever ``power``, "power" raised to
            ``exponent``, "log1p" log10(1 + 10 bands), "none" as it is.
        power: exponent of the magnitude that the bands are.
        floor: smallest value before "log" and "db".
        exponent: used by "power".
    """
    if compress == "log":
        return bands.clamp(min=floor).log()
    if compress == "db":
        return bands.clamp(min=floor).log10() * (20.0 / power)
    if compress == "power":
        return bands**exponent
    if compress == "log1p":
        return (1.0 + 10.0 * bands).log10()
    return bands


def check(
    *,
    sample_rate: int,
    n_fft: int,
    hop: int,
    floor: float,
    n_mels: int = 1,
    f_min: float = 0.0,
    f_max: float | None = None,
) -> None:
    """Refuse what no spectrum can have, by the name of the setting.

    Raises:
        RecipeError: a size below one, a floor that is not above zero, or bands outside 0 to half the sample rate.
    """

    def refuse(name: str, value: object, problem: str, fix: str) -> None:
        raise RecipeError(problem, name=name, value=value, fix=fix)

    top = sample_rate / 2 if f_max is None else f_max
    for name, value in {"n_fft": n_fft, "hop": hop, "n_mels": n_mels, "sample_rate": sample_rate}.items():
        if value < 1:
            refuse(name, value, "must be at least 1", "Leave it out for the default.")
    if floor <= 0:
        refuse("floor", floor, "must be above zero", "1e-5 suits audio in [-1, 1].")
    if not 0 <= f_min < top:
        refuse("f_min", f_min, f"must be at least 0 and below f_max ({top:g} Hz)", "Leave f_min and f_max out.")
    if top > sample_rate / 2:
        refuse("f_max", top, f"is above half the sample rate ({sample_rate / 2:g} Hz)", "Leave f_max out.")
