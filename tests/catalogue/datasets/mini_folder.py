"""A small folder of music: classes by folder."""

from __future__ import annotations

from pathlib import Path

from minidatasets import tone


def miniature(root: Path) -> None:
    """Six songs of two genres."""
    for i in range(6):
        tone(root / ("rock" if i % 2 else "jazz") / f"song {i}.mp3", seed=i)
