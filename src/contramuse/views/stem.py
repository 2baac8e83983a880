"""Stems: one source of the mix (MSCOL: Garoufis et al. 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from contramuse.errors import LibraryError, RecipeError
from contramuse.rows import Rows
from contramuse.views.base import Chance, Take, samples_of, who_is
from contramuse.views.crop import Crop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from contramuse.audio.activity import Activity
    from contramuse.catalogue.library import Library
    from contramuse.sampling import Drawn


@dataclass(frozen=True, kw_only=True)
class Stem(Take):
    """One stretch of one stem of each track.

    A row is silent where the mean absolute sample of its very window is at or below ``threshold``, or where the track
    has no such stem; whether the contrast then leaves it out or gives it a key is the contrast's ``absent``.

    Args:
        seconds: length of the stretch.
        stems: names of the stems to choose from.
        per: "batch", one source for a whole batch, so that the kind of source is no shortcut (MSCOL); "row", each
            track its own.
        when: "active", only stretches where the source can be heard, for tracks that have one; "any", any stretch;
            "either", one or the other for a whole batch, by a fair coin (MSCOL's ``--silent``).
        of: view whose stretch these lie at ("same") or near ("around"), or "" for a place of their own.
        rule: "same" or "around" under ``of``.
        within: seconds from start to start at most (around).
        threshold: mean absolute sample, of full scale; 0.01 in MSCOL.
    """

    seconds: float
    stems: tuple[str, ...]
    per: Literal["batch", "row"] = "batch"
    when: Literal["active", "any", "either"] = "active"
    of: str = ""
    rule: Literal["same", "around"] = "same"
    within: float = 3.0
    threshold: float = 0.01

    def __post_init__(self) -> None:
        if not self.stems:
            fix = "MSCOL's are [bass, drums, other, vocals]."
            raise RecipeError("there is no stem to take", name="stems", value=[], fix=fix)
        if self.seconds <= 0:
            raise RecipeError("a stretch needs a length", name="seconds", value=self.seconds, fix="Give more than 0.")
        if self.of and self.when != "any":
            raise RecipeError(
                "a place that is tied to another view cannot be chosen by activity", name="when", value=self.when,
                fix="Set when: any, or tie the other view to this one (of, rule: around).",
            )  # fmt: skip

    @property
    def after(self) -> str:
        """The view that the stretches are tied to."""
        return self.of

    def usable(self, library: Library, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Bool [n]: tracks that have any of the stems.

        Raises:
            LibraryError: the library has none of them.
        """
        has = np.zeros(len(rows), dtype=bool)
        for activity in self._activities(library).values():
            has |= activity.store.lengths[rows] > 0
        return has

    def take(self, library: Library, drawn: Drawn, chance: Chance, seen: Mapping[str, Rows]) -> tuple[Tensor, Rows]:
        """Stretches int16 [b 1 t]; ids also "source" (position of the stem in ``stems``)."""
        length = samples_of(self.seconds, sample_rate=library.sample_rate)
        if self.per == "batch":
            source = torch.randint(len(self.stems), (1,), generator=chance.shared).expand(len(drawn)).numpy()
        else:
            source = torch.randint(len(self.stems), (len(drawn),), generator=chance.own).numpy()
        coin = bool(torch.randint(2, (1,), generator=chance.shared)) if self.when == "either" else False
        active = self.when == "active" or coin
        x = np.zeros((len(drawn), length), dtype=np.int16)
        starts = np.zeros(len(drawn), dtype=np.int64)
        absent = np.ones(len(drawn), dtype=bool)
        for number, activity in enumerate(self._activities(library).values()):
            here = np.flatnonzero(source == number)
            if not len(here):
                continue
            rows = drawn.rows[here]
            at = self._places(library, activity, rows, here, length, chance, seen, active=active)
            starts[here] = np.maximum(at, 0)
            x[here] = activity.store.gather(rows, starts[here], length)
            level = activity.mean_level(rows, starts[here], length)
            absent[here] = (at < 0) | (level <= self.threshold)
        who = who_is(drawn, silent=torch.from_numpy(absent), start=torch.from_numpy(starts))
        who.ids["source"] = torch.from_numpy(source.copy())  # type: ignore[index]
        return torch.from_numpy(x)[:, None], who

    def _places(
        self,
        library: Library,
        activity: Activity,
        rows: NDArray[np.int64],
        here: NDArray[np.int64],
        length: int,
        chance: Chance,
        seen: Mapping[str, Rows],
        *,
        active: bool,
    ) -> NDArray[np.int64]:
        """First samples int64 [n]; -1 where the source is active nowhere."""
        if active:
            return activity.draw_active(rows, length, threshold=self.threshold, generator=chance.own)
        crop = Crop(seconds=self.seconds, count=1, rule=self.rule if self.of else "independent", within=self.within)
        lengths, rate = library.store.lengths[rows], library.sample_rate
        if not self.of:
            return np.asarray(crop.starts(lengths, sample_rate=rate, generator=chance.own)[0])
        anchors = seen[self.of].ids["start"].numpy()[here]
        return crop.tied(anchors, lengths, sample_rate=rate, generator=chance.own)

    def _activities(self, library: Library) -> dict[str, Activity]:
        found = {}
        for name in self.stems:
            try:
                found[name] = library.activity(name)
            except LibraryError as error:
                raise LibraryError(
                    f"no track of the library has a stem called {name!r}", name="stems", value=name,
                    fix=f"{error.fix} `contramuse stems` makes stems; `contramuse prepare --stems` finds them.",
                ) from error  # fmt: skip
        return found
