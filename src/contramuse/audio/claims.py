"""What a file's own frames and headers promise about its length, read without decoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO


@dataclass(frozen=True)
class Claim:
    """What a file promises.

    Args:
        seconds: its length, None where only the decoder's own reading of the header is known.
        tolerance_seconds: how much shorter the decoded audio may be (encoder delay and padding).
        damaged_seconds: length of what lies between the frames and is no audio.
        note: what is wrong with it, in words.
    """

    seconds: float | None = None
    tolerance_seconds: float = 0.1
    damaged_seconds: float = 0.0
    note: str = ""

    def doubtful(self, seconds: float) -> bool:
        """Whether the file holds more than the ``seconds`` that were decoded, so that another decoder should be asked."""
        return self.seconds is not None and self.seconds - seconds > self.tolerance_seconds


def claim_of(file: IO[bytes]) -> Claim:
    """The promise of an open file."""
    return Claim()
