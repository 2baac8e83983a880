"""What a recipe makes of a library before anything is trained: tracks, shapes of every part, statistics of features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from contramuse.audio.frontend import Waveform
from contramuse.rows import Rows
from contramuse.sampling import Drawn, generator_for
from contramuse.train.data import MusicData
from contramuse.train.module import FULL_SCALE
from contramuse.views import Chance

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.encoders import Tower
    from contramuse.recipe import Recipe

ROWS = 2
"""Rows that go through the encoders: their number changes no other axis."""

SAMPLE = 256
"""Training tracks that the statistics are of, at most."""

AT_ONCE = 16

NEAR = 0.05
"""Features are standardised where their mean is that near to 0 and their deviation to 1."""


def preview(recipe: Recipe, library: Library) -> list[str]:
    """Lines about a recipe on a library: tracks, what becomes of one batch, mean and deviation of features.

    Raises:
        UserError: the library has another sample rate, or not what the recipe reads.
        LibraryError: it has too few tracks, or lacks vectors, labels or groups.
    """
    recipe = recipe.fitted(library)
    data = MusicData(recipe, library)
    recipe.build_strategy().learn(library, data.labelled_rows)
    towers: Any = recipe.build_towers(sample_rate=library.sample_rate).eval()
    facts = data.facts()
    counts = f"{facts['train_tracks']:,} to train on, {facts['valid_tracks']:,} to watch"
    skipped = f", {len(data.skipped):,} are left out: what a view takes is missing or too short" * bool(
        len(data.skipped)
    )
    lines = [f"tracks    {counts}{skipped}"]
    if told := _told(facts.get("sampler")):
        lines.append(f"sampler   {told}")
    with torch.no_grad():
        lines += _shapes(recipe, data, towers)
        lines += _statistics(recipe, data, towers)
    return lines


def _told(facts: object) -> str:
    """What a sampler says of the tracks, without its lists of them."""
    if not isinstance(facts, Mapping):
        return ""
    return ", ".join(f"{n.replace('_', ' ')} {value}" for n, value in facts.items() if not isinstance(value, list))


def _shapes(recipe: Recipe, data: MusicData, towers: Any) -> Iterator[str]:
    """A line per view: input, features, representation and projections of one batch."""
    batch, specs = data.example(), recipe.resolved()["towers"]
    for view, tower_name in recipe.view_towers().items():
        tower: Tower = towers[tower_name]
        x, who = batch.views[recipe.inputs[view]]
        spec = specs[specs[tower_name]["follow"] or tower_name]
        features = tower.features(_as_float(x[:ROWS]))
        h, outputs = tower.compare(features)
        frontend = spec["frontend"]["kind"] if spec["frontend"] else "waveform"
        steps = [
            f"{str(x.dtype).removeprefix('torch.')} {_shape(x, len(who))}",
            f"{frontend} {_shape(features, len(who))}",
            f"{spec['encoder']['kind']} {_shape(h, len(who))}",
        ]
        heads = [f"{name or 'head'} {_shape(found.z, len(who), found.axes)}" for name, found in outputs.items()]
        yield f"view      {view}: {' -> '.join([*steps, ', '.join(heads)])}"


def _shape(x: Tensor, rows: int, axes: tuple[str, ...] = ()) -> str:
    """A shape with the rows of the whole batch, and names of axes that are neither rows nor features."""
    named = [*axes, *[""] * (x.ndim - 1 - len(axes))]
    sizes = [
        f"{size} {name}{'s' * (size != 1)}" if name else str(size)
        for size, name in zip(x.shape[1:], named, strict=True)
    ]
    return f"[{', '.join([str(rows), *sizes])}]"


def _statistics(recipe: Recipe, data: MusicData, towers: Any) -> Iterator[str]:
    """A line per tower with a fixed frontend: mean and deviation of features of crops that are not augmented."""
    sums: dict[str, Tensor] = {}
    seed, of = recipe.train.seed, recipe.view_towers()
    order = torch.randperm(len(data.rows), generator=generator_for(seed, "preview"))[:SAMPLE].numpy()
    chosen = data.rows[order]
    for start in range(0, len(chosen), AT_ONCE):
        drawn, seen = Drawn.alone(chosen[start : start + AT_ONCE]), dict[str, Rows]()
        for view, take in data.takes.items():
            own, shared = (generator_for(seed, f"preview {word}", view, start) for word in ("own", "shared"))
            x, seen[view] = take.take(data.library, drawn, Chance(own, shared), seen)
            tower: Tower = towers[of[view]]
            fixed = not any(True for _ in tower.frontend.parameters()) and not isinstance(tower.frontend, Waveform)
            x = x[~seen[view].silent.cpu()]
            if x.ndim == 3 and fixed and recipe.inputs[view] == view and len(x):
                made = tower.features(_as_float(x)).double()
                own_sums = torch.stack([torch.tensor(float(made.numel())), made.sum(), made.square().sum()])
                sums[of[view]] = sums.get(of[view], torch.zeros(3)) + own_sums
    for name, (count, total, squares) in ((n, s.tolist()) for n, s in sums.items()):
        mean = total / count
        deviation = max(squares / count - mean**2, 0.0) ** 0.5
        spec = recipe.resolved()["towers"][name]["frontend"]
        yield (
            f"features  {spec['kind']} of tower {name}: mean {mean:.4f}, standard deviation {deviation:.4f} "
            f"({len(chosen)} training tracks)"
        )
        if {"mean", "std"} <= spec.keys() and (abs(mean) > NEAR or abs(deviation - 1) > NEAR):
            raw = (mean * spec["std"] + spec["mean"], deviation * spec["std"])
            place = f"towers.{name}.frontend"
            yield f"          to standardise them: {place}.mean={raw[0]:.4f} {place}.std={raw[1]:.4f}"


def _as_float(x: Tensor) -> Tensor:
    return x.float() / FULL_SCALE if x.dtype == torch.int16 else x
