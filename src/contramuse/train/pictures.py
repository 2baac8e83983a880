"""Pictures of what a contrast wants and gets: target, similarity and candidates side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from contramuse.files import replacing
from contramuse.rows import Rows
from contramuse.strategy import Compared, Contrast

SHOWN = 128
"""Queries, and keys, of a picture at most."""

MOST = 20
"""Pictures of a run that are kept."""

CONTRASTS = 4
"""Contrasts of one picture at most."""

SIDE, GAP, LINE = 384, 16, 20
"""Pixels: of a panel, between panels, of a line of text."""

# Twelve colours from dark violet over green to yellow; those between are mixed. Alike in print and to the colour-blind.
COLOURS = np.array(
    [
        [68, 1, 84], [72, 33, 115], [67, 62, 133], [56, 88, 140], [45, 112, 142], [37, 133, 142],
        [30, 155, 138], [42, 176, 127], [82, 197, 105], [134, 213, 73], [194, 223, 35], [253, 231, 37],
    ],
    dtype=np.float64,
)  # fmt: skip


def draw(shown: Mapping[str, tuple[Contrast, Compared]], *, step: int) -> NDArray[np.uint8]:
    """A picture uint8 [height width 3]: a row of three panels for each of the first contrasts.

    Queries are ordered by label, then track, so that what should be alike stands in blocks along the diagonal; keys
    stand in the order of the queries that they are positives of.

    Args:
        shown: name -> the contrast, and what it compared.
        step: of the run.
    """
    from PIL import Image, ImageDraw, ImageFont

    rows = list(shown.items())[:CONTRASTS]
    height, width = 3 * LINE + SIDE, 3 * SIDE + 4 * GAP
    canvas = Image.new("RGB", (width, len(rows) * height + GAP), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    for number, (name, (contrast, compared)) in enumerate(rows):
        top = number * height
        queries, keys = _order(contrast, compared)
        says = f"step {step}   {name}: {len(queries)} queries (down) x {len(keys)} keys (across), by label and track"
        pen.text((GAP, top + 4), says, fill="black", font=font)
        for place, (caption, panel) in enumerate(_panels(compared, queries, keys)):
            left = GAP + place * (SIDE + GAP)
            pen.text((left, top + LINE + 2), caption, fill="black", font=font)
            canvas.paste(Image.fromarray(panel), (left, top + 2 * LINE + 4))
    return np.asarray(canvas)


def _panels(compared: Compared, queries: Tensor, keys: Tensor) -> list[tuple[str, NDArray[np.uint8]]]:
    t, s, c = (x[queries][:, keys].cpu() for x in (compared.t, compared.s, compared.c))
    among = s[c] if bool(c.any()) else s.flatten()
    low, high = (float(among.double().quantile(share)) for share in (0.01, 0.99))  # a few extremes hide nothing
    most = max(float(t.max()), 1e-9)
    positives = float(((t > 0) & c).sum() / c.sum().clamp(min=1))
    return [
        (f"target: 0 dark to {most:.3g} light", _coloured(t / most)),
        (f"similarity: {low:.3g} to {high:.3g}", _coloured((s - low) / max(high - low, 1e-9))),
        (f"candidates are light: {positives:.1%} are positives", _coloured(c.float())),
    ]


def _coloured(share: Tensor) -> NDArray[np.uint8]:
    """Colours of 0 to 1, each entry as many whole pixels as fit into a panel."""
    at = share.double().clamp(0, 1).numpy() * (len(COLOURS) - 1)
    places = np.arange(len(COLOURS))
    mixed = np.stack([np.interp(at, places, COLOURS[:, channel]) for channel in range(3)], axis=-1)
    down, across = (max(SIDE // n, 1) for n in share.shape)
    return np.ascontiguousarray(mixed.round().astype(np.uint8).repeat(down, 0).repeat(across, 1))


def _order(contrast: Contrast, compared: Compared) -> tuple[Tensor, Tensor]:
    """Positions of the queries and of the keys that are shown, in order."""
    who = compared.who.to("cpu")
    tracks = who.ids["track"].tolist()
    first = {track: place for place, track in reversed(list(enumerate(tracks)))}
    by_track = sorted(range(len(tracks)), key=lambda i: (first[tracks[i]], i))[:SHOWN]  # whole tracks, not whole views
    queries = torch.tensor(sorted(by_track, key=lambda i: (_class(contrast, who, i), first[tracks[i]], i)))
    if contrast.keys == contrast.queries and compared.t.shape[0] == compared.t.shape[1]:
        return queries, queries
    wanted = (compared.t[queries] > 0).cpu()
    place = torch.where(wanted.any(0), wanted.float().argmax(0), len(queries))
    return queries, place.argsort(stable=True)[:SHOWN]


def _class(contrast: Contrast, who: Rows, row: int) -> tuple[int, ...]:
    """The first class of each label field that the target reads; rows without one come last."""
    fields = sorted(contrast.target.fields() & set(who.labels))
    hot = [who.labels[field][row] > 0 for field in fields]
    return tuple(int(h.int().argmax()) if bool(h.any()) else len(h) for h in hot)


class Pictures:
    """The pictures of a run, ``step-000100.png``: few enough for any disk, spread evenly over the steps.

    Args:
        folder: where they are.
        most: pictures that are kept, the first and the last among them.
    """

    def __init__(self, folder: Path, *, most: int = MOST) -> None:
        self._folder, self._most, self._added = folder, most, 0

    def add(self, image: NDArray[np.uint8], *, step: int, loggers: list[Any]) -> None:
        """Keep the picture of ``step``; where there are too many, the one nearest to its neighbours goes.

        TensorBoard cannot forget one: it gets the first, second, fourth, eighth ... of a session.
        """
        from PIL import Image

        self._folder.mkdir(parents=True, exist_ok=True)
        with replacing(self._folder / f"step-{step:06d}.png") as temporary:
            Image.fromarray(image).save(temporary, format="PNG")
        self._thin(step)
        self._added += 1
        if self._added & (self._added - 1) == 0:
            _show(image, step=step, loggers=loggers)

    def _thin(self, step: int) -> None:
        kept = {int(path.stem.removeprefix("step-")): path for path in self._folder.glob("step-*.png")}
        for beyond in [s for s in kept if s > step]:  # of a session that was killed: these steps are done again
            kept.pop(beyond).unlink()
        while len(kept) > self._most:
            steps = sorted(kept)
            gone = min(range(1, len(steps) - 1), key=lambda i: steps[i + 1] - steps[i - 1])
            kept.pop(steps[gone]).unlink()


def _show(image: NDArray[np.uint8], *, step: int, loggers: list[Any]) -> None:
    from lightning.pytorch.loggers import TensorBoardLogger

    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image("pictures/target, similarity, candidates", image, step, dataformats="HWC")
