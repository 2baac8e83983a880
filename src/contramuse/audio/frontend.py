"""Frontends: from a waveform to what an encoder reads. They are part of the model, and so of its export."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from contramuse.audio.log_mel import LogMel, Waveform
from contramuse.audio.plain import PseudoCqt, Spectrogram
from contramuse.audio.published import ChoiMel, ColaMel, MelonMel, short_chunk_mel
from contramuse.audio.sinc import SincNet
from contramuse.audio.stored import Stored

FRONTENDS: dict[str, Callable[..., nn.Module]] = {
    "choi_mel": ChoiMel,
    "cola_mel": ColaMel,
    "cqt": PseudoCqt,
    "log_mel": LogMel,
    "melon_mel": MelonMel,
    "short_chunk_mel": short_chunk_mel,
    "sinc_net": SincNet,
    "spectrogram": Spectrogram,
    "stored": Stored,
    "waveform": Waveform,
}

__all__ = ["FRONTENDS", "LogMel", "Waveform"]
