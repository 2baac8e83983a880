"""Which tracks are trained on and tested: the settings of a probing session and the protocol that they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from contramuse.checkpoint.folder import read_info
from contramuse.checkpoint.lineage import lineage
from contramuse.errors import LibraryError, ModelFileError, RecipeError, demand
from contramuse.probes import folds
from contramuse.probes.segments import Aggregate, How, ShareRule, TrainOn
from contramuse.probes.selection import NAMES, USUAL, Name
from contramuse.probes.tasks import Catalogue, codes, membership, split_group

LEAST_TEST = 200
"""Tested tracks that the stored split must have to be used by itself."""
LEAST_FOLDS = 3
"""One part tests, one chooses, the others train."""
BASELINES = ("random", "mfcc", "mel")


@dataclass(frozen=True)
class Settings:
    """How to probe.

    Args:
        tasks: label fields; None is all of them.
        probes: of "linear", "mlp", "knn", "prototype"; the first is the one that sentences are about.
        baselines: of "random", "mfcc", "mel".
        protocol: "auto", "split" (the library's stored split) or "folds" (cross-validation by group).
        folds: parts of the cross-validation.
        group: that no two parts share; None is the group of the library's split.
        seeds: how many.
        resamples: of the bootstrap.
        permutations: of the paired tests.
        resample: group whose tracks are drawn together by the bootstrap and exchanged together by the tests; "auto"
            is the group of the folds where one is given, else decided by the library (see ``clusters``); "tracks" or
            None draws single tracks.
        seed: of the random weights and of the bootstrap.
        train_on: "tracks" or "segments" (every window is an item; embeddings must have kept them).
        aggregate: what is averaged over the windows of a tested track: "embeddings", "probabilities" or "logits".
        shares: of the labelled training tracks; each is a probe of its own in the results.
        share_rule: "exact" or "powerset"; see ``segments.How``.
    """

    tasks: tuple[str, ...] | None = None
    probes: tuple[Name, ...] = USUAL
    baselines: tuple[str, ...] = BASELINES
    protocol: Literal["auto", "split", "folds"] = "auto"
    folds: int = 5
    group: str | None = None
    seeds: int = 3
    resamples: int = 1000
    permutations: int = 2000
    resample: str | None = "auto"
    seed: int = 0
    train_on: TrainOn = "tracks"
    aggregate: Aggregate = "embeddings"
    shares: tuple[float, ...] = (1.0,)
    share_rule: ShareRule = "exact"

    @property
    def drawn(self) -> str | None:
        """What the bootstrap draws together, as ``cluster_tracks`` takes it."""
        return self.group if self.resample == "auto" and self.group else self.resample

    def how(self, share: float = 1.0) -> How:
        """What a probe learns from under a share of the labels."""
        return How(self.train_on, self.aggregate, share, self.share_rule)

    def __post_init__(self) -> None:
        checks: list[tuple[str, Any, bool, str]] = [
            (
                "--folds",
                self.folds,
                self.folds >= LEAST_FOLDS,
                "Give 3 or more: one part tests, one chooses, the others train.",
            ),
            ("--seeds", self.seeds, self.seeds >= 1, "Give 1 or more."),
            ("--resamples", self.resamples, self.resamples >= 100, "Give 100 or more; 1000 is the default."),
            ("--permutations", self.permutations, self.permutations >= 100, "Give 100 or more; 2000 is the default."),
            ("--protocol", self.protocol, self.protocol in ("auto", "split", "folds"), "Give auto, split or folds."),
        ]
        checks += [("--probe", p, p in NAMES, f"Give {', '.join(NAMES)}.") for p in self.probes]
        words = {
            "train_on": ("tracks", "segments"), "aggregate": ("embeddings", "probabilities", "logits"),
            "share_rule": ("exact", "powerset"),
        }  # fmt: skip
        for key, known in words.items():
            value = getattr(self, key)
            checks.append((f"--{key.replace('_', '-')}", value, value in known, f"Give {', '.join(known)}."))
        checks.append(("--shares", "", bool(self.shares), "Give one share or more."))
        checks += [("--shares", s, 0 < s <= 1, "Give shares above 0 and at most 1.") for s in self.shares]
        checks += [("--baselines", b, b in BASELINES, f"Give {', '.join(BASELINES)} or none.") for b in self.baselines]
        demand(checks)


@dataclass(frozen=True)
class Protocol:
    """Which tracks are trained on and tested, and how to say it."""

    kind: Literal["split", "folds"]
    plan: list[tuple[int, list[folds.Fold]]]
    group: NDArray[np.int64] | None
    facts: dict[str, Any]

    def plan_for(self, probe: Name, *, share: float = 1.0) -> list[tuple[int, list[folds.Fold]]]:
        """The seeds that make a difference: on a stored split only the MLP and a share of the labels draw anything."""
        return self.plan if self.kind == "folds" or probe == "mlp" or share < 1 else self.plan[:1]


def make_protocol(
    library: Catalogue, rows: NDArray[np.int64], settings: Settings, *, taught: Sequence[str]
) -> Protocol:
    """The protocol for the tracks at ``rows``.

    By itself ("auto"): the stored split when its test part has ``LEAST_TEST`` tracks or more, or when the model was
    ``taught`` with labels of its training part (folds would test on tracks whose labels it has seen); folds otherwise,
    as many as there are groups where these are few, and by single tracks where they are fewer than three.

    Raises:
        LibraryError: an empty part of the split, an unknown group, or one asked for with fewer groups than folds.
    """
    split = np.array(library.column("split"))[rows]
    sizes = {name: int((split == name).sum()) for name in ("train", "valid", "test")}
    kind = settings.protocol
    if kind == "auto":
        usable = min(sizes.values()) > 0
        kind = "split" if usable and (sizes["test"] >= LEAST_TEST or taught) else "folds"
    if kind == "split" and min(sizes.values()) == 0:
        raise LibraryError(
            "the stored split has an empty part",
            name="--protocol",
            value=f"split ({', '.join(f'{k} {v}' for k, v in sizes.items())})",
            fix="Fold by groups: `contramuse probe --protocol folds`.",
        )
    numbers = list(range(settings.seeds))
    common = _common_facts(settings, taught)
    facts: dict[str, Any]
    if kind == "split":
        counts = f"train {sizes['train']}, valid {sizes['valid']}, test {sizes['test']}"
        facts = {
            "name": f"{stored_split_name(library)} ({counts})",
            "kind": "split",
            "seed_varies": "the MLP's first weights and order of tracks; linear and k-NN have nothing to draw",
        }
        return Protocol("split", [(s, folds.stored_split(split)) for s in numbers], None, {**facts, **common})
    name, group = _fold_group(library, rows, settings.group)
    known = _count(group)
    if known < settings.folds and settings.group is not None:
        raise LibraryError(
            f"has fewer groups than the {settings.folds} folds", name="--group", value=name, fix="Name another group."
        )
    parts = min(settings.folds, known)
    if parts < LEAST_FOLDS:
        name = f"track ({known} of {name} are too few to keep apart, so tracks of one may be trained and tested on)"
        group, parts = np.arange(len(rows), dtype=np.int64), settings.folds
    plan = [(s, folds.cross_validation(group, k=parts, seed=s)) for s in numbers]
    facts = {
        "name": f"{parts} folds by {name}, predictions pooled",
        "kind": "folds",
        "folds": parts,
        "group": name,
        "seed_varies": "which groups stand in which fold, and the MLP's first weights and order of tracks",
    }
    return Protocol("folds", plan, group, {**facts, **common})


def _common_facts(settings: Settings, taught: Sequence[str]) -> dict[str, Any]:
    """What the record says of a split and of folds alike."""
    return {
        "train_on": settings.train_on,
        "aggregate": settings.aggregate,
        "shares": list(settings.shares),
        "share_rule": settings.share_rule,
        "seeds": list(range(settings.seeds)),
        "resamples": settings.resamples,
        "permutations": settings.permutations,
        "level": 0.95,
        "selection": "on the validation tracks: accuracy (classes), macro average precision (tags) or squared error; "
        "accuracies within half a standard error count as equal, then the setting nearest to C = 1 or k = 10; the MLP "
        "is stopped by the loss; standardisation is learnt on the training tracks",
        "final_fit": "linear and k-NN on training and validation tracks with the setting chosen; "
        "the MLP on training tracks, stopped by the validation tracks",
        "trained_with_labels": list(taught),
    }


def stored_split_name(library: Catalogue) -> str:
    """The name of the stored split: of a published dataset, with what tells it from the dataset's other splits."""
    dataset = library.info.get("dataset")
    return f"split of {dataset['name']}: {dataset['split']}" if dataset else "stored split"


def published_split(library: Catalogue, *, tested: int, whole: bool) -> str:
    """The name of the dataset's split that published figures are of.

    It is the library's own only where figures compare: where ``whole`` of its test part was tested as it is, and no
    item of it is missing. Else it says what was tested by those who published.

    Args:
        library: of a published dataset.
        tested: tracks.
        whole: whether these are what the library has of the stored test part, not folds or another part.
    """
    dataset = library.info.get("dataset") or {}
    name, items = str(dataset.get("split", "")), int((dataset.get("published") or {}).get("test", 0))
    if whole and items in (0, tested):
        return name
    return f"{name}: all {items:,} items of its test part" if items else f"{name}: its test part"


def _count(group: NDArray[np.int64]) -> int:
    """Groups, of which every track without one is its own."""
    return len(np.unique(group[group >= 0])) + int((group < 0).sum())


def _fold_group(library: Catalogue, rows: NDArray[np.int64], name: str | None) -> tuple[str, NDArray[np.int64]]:
    """The group of the folds: as asked for; else the one of the stored split; else artist; else every track alone."""
    if name is not None:
        return name, codes(membership(library, name, rows))
    for candidate in (split_group(library), "artist"):
        if candidate is None:
            continue
        try:
            group = codes(membership(library, candidate, rows))
        except LibraryError:
            continue
        if (group >= 0).mean() > 0.5:
            return candidate, group
    return "track (no group is known)", np.arange(len(rows), dtype=np.int64)


def taught_labels(model_path: str | None) -> list[str]:
    """Label fields that the model's training used, from its recipe, or that its encoder was fine-tuned with.

    Those of the model whose weights it started from are among them.
    """
    if not model_path:
        return []
    try:
        info = read_info(Path(model_path))
        return lineage(info)["taught"]
    except (ModelFileError, RecipeError):  # it is gone, or of another version: nothing is known about its training
        return []
