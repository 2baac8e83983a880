"""Corrupted windows: what a trained model makes of music that is not as it was in training.

A window's parameters are drawn by a generator that depends on nothing but the track's id and the window's number: its
vector is the same whatever the batch, the order of the tracks, or what else is embedded.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from contramuse.audio.stored import Stored
from contramuse.augment import AUGMENTATIONS, CORRUPTIONS, PRESETS, Chain
from contramuse.augment.mix import Mixup
from contramuse.checkpoint.windows import Place, Represent
from contramuse.encoders.tower import Tower
from contramuse.errors import RecipeError, UserError
from contramuse.sampling import generator_for

if TYPE_CHECKING:
    from contramuse.checkpoint.model import Model

SEED = 0
"""Of all draws: a corruption is a fixed test, not an experiment."""

NAME = "--corrupt"


class Corruption:
    """Augmentations that every window goes through before frontend (or, of features, before the encoder).

    Args:
        written: the augmentations in order, each a mapping as in a recipe, or text: one of ``CORRUPTIONS`` (with the
            parameters of their study), a kind or preset with settings ("semisupcon severity=3"), or YAML.
        sample_rate: of the waveforms, Hz.

    Attributes:
        steps: the augmentations as plain data, with every default.

    Raises:
        UserError: there is no such augmentation, a setting is wrong, or it mixes tracks with each other.
    """

    def __init__(self, written: Sequence[str | Mapping[str, Any]], *, sample_rate: int) -> None:
        from contramuse.recipe.chains import build_chain, chain_in_words, resolve_chain

        steps = [step for one in written for step in (_parsed(one) if isinstance(one, str) else [one])]
        shown = ", ".join(map(str, written))
        self.steps, wrong = resolve_chain(steps, sample_rate=sample_rate, place="corrupt")
        if wrong:
            raise UserError("cannot be applied", name=NAME, value=shown, fix="\n  - ".join(["Correct:", *wrong]))
        try:
            self._waveforms, self._features = build_chain(self.steps, sample_rate=sample_rate, place="corrupt")
        except RecipeError as error:
            raise UserError(error.problem, name=NAME, value=shown, fix=error.fix) from error
        if any(_mixes(chain) for chain in (self._waveforms, self._features)):
            fix = "Leave mixup out: a track's vector may not depend on other tracks."
            raise UserError("mixes tracks", name=NAME, value=shown, fix=fix)
        self._words = chain_in_words(self.steps)

    def __str__(self) -> str:
        return self._words

    def represent(self, model: Model, identify: Callable[[int], str]) -> Represent:
        """What ``model`` makes of corrupted windows.

        Args:
            model: that embeds.
            identify: from the number of a source to the id of its track.

        Raises:
            UserError: waveforms are to be changed, and the model takes stored features.
        """
        tower: Tower = model.tower
        if isinstance(tower.frontend, Stored) and self._waveforms.augmentations:
            fix = "Give augmentations of features, such as time_mask, or a model of audio."
            raise UserError("changes waveforms, the model takes stored features", name=NAME, value=str(self), fix=fix)
        frontend = _Corrupted(tower.frontend, self._waveforms, self._features)
        heads: Any = tower.head if tower.head is not None else tower.named_heads()
        corrupted = Tower(frontend, tower.encoder, heads, over=tower.over, predictor=tower.predictor).eval()

        def represent(x: Tensor, places: Sequence[Place]) -> Tensor:
            frontend.draw([(identify(index), number) for index, number in places])
            return corrupted.emit(x.to(model.device), model.output)

        return represent


class _Corrupted(nn.Module):
    """A frontend between two chains, with parameters drawn before each batch."""

    def __init__(self, frontend: nn.Module, waveforms: Chain, features: Chain) -> None:
        super().__init__()
        self.frontend, self.chains = frontend, (waveforms, features)
        self.drawn: list[dict[str, Tensor]] = []

    def draw(self, windows: Sequence[tuple[str, int]]) -> None:
        """Draw for a batch of (id of the track, number of the window)."""
        generators = [generator_for(SEED, "corruption", track, number) for track, number in windows]
        rows = [[chain.draw(1, generator) for chain in self.chains] for generator in generators]
        self.drawn = [{k: torch.cat([row[i][k] for row in rows]) for k in rows[0][i]} for i in range(2)]

    def forward(self, x: Tensor) -> Tensor:
        """Features of the corrupted batch."""
        (waveforms, features), (own, theirs) = self.chains, self.drawn
        if waveforms.augmentations:
            x = waveforms.apply(x, own)
        made: Tensor = self.frontend(x)
        return features.apply(made, theirs) if features.augmentations else made


def _mixes(chain: Chain) -> bool:
    return any(_mixes(a) if isinstance(a, Chain) else isinstance(a, Mixup) for a in chain.augmentations)


def _parsed(text: str) -> list[Any]:
    """One text of the command line as augmentations of a recipe; a corruption's bare name means that corruption."""
    from contramuse.recipe.reading import read_yaml

    try:
        if text.lstrip()[:1] in ("{", "["):
            written = read_yaml(text)
            return [_studied(step) for step in (written if isinstance(written, list) else [written])]
        head, *pairs = re.split(r"\s+(?=\w+=)", text.strip())
        kind, _, bare = head.partition(" ")
        if bare:
            fix = "Write one with its settings, as 'semisupcon severity=3'; give the option again for more."
            raise UserError(f"{bare!r} is no setting", name=NAME, value=text, fix=fix)
        if kind not in {*CORRUPTIONS, *PRESETS, *AUGMENTATIONS}:
            raise UserError("is no corruption", name=NAME, value=text, fix=_known(kind))
        given = {key: read_yaml(value) for key, _, value in (pair.partition("=") for pair in pairs)}
        return [{"kind": kind, **given} if given else _studied(kind)]
    except ValueError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"cannot be read ({error})", name=NAME, value=text, fix="Write e.g. mp3.") from error


def _studied(step: Any) -> Any:
    return {"kind": "corruption", "name": step} if isinstance(step, str) and step in CORRUPTIONS else step


def _known(word: str) -> str:
    others = sorted({*PRESETS, *AUGMENTATIONS} - {"corruption", *CORRUPTIONS})
    close = difflib.get_close_matches(word, [*CORRUPTIONS, *others], n=1)
    meant = f"Did you mean {close[0]!r}? " if close else ""
    return f"{meant}Corruptions: {', '.join(CORRUPTIONS)}. With settings also: {', '.join(others)}."
