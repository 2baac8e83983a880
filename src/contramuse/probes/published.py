"""The table of protocols: how the field evaluates on a dataset, and what others reached there. Add one by an entry.

A figure stands beside ours only where dataset, split and classes are the same; it is quoted from the source named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from contramuse.errors import LibraryError, UserError
from contramuse.probes.segments import Aggregate
from contramuse.probes.tasks import Catalogue


@dataclass(frozen=True)
class Reference:
    """A published figure.

    Args:
        system: what was measured, and how it was probed.
        metric: name of the metric, as in results.
        value: 0 to 1.
        source: where the figure is printed.
    """

    system: str
    metric: str
    value: float
    source: str


@dataclass(frozen=True, kw_only=True)
class Published:
    """How a dataset is evaluated.

    Args:
        dataset: name of its reader.
        choices: of the reader, which decide the split and the classes; what is not named may be anything.
        fields: label fields that are probed.
        metrics: the first is the one that sentences are about.
        aggregate: what is averaged over a tested track's windows.
        probes: in order; sentences are about the first.
        task: "probe", or "continuation" of playlists.
        by: group whose lists are continued.
        references: published figures under this very protocol.
    """

    dataset: str
    choices: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ("accuracy",)
    aggregate: Aggregate = "embeddings"
    probes: tuple[str, ...] = ("linear", "mlp")
    task: Literal["probe", "continuation"] = "probe"
    by: str = "playlists"
    references: tuple[Reference, ...] = ()

    def fits(self, library: Catalogue) -> bool:
        """Whether a library holds this dataset with this split and these classes."""
        held = library.info.get("dataset") or {}
        chosen = held.get("choices", {})
        return held.get("name") == self.dataset and all(chosen.get(k) == v for k, v in self.choices.items())


def _pair(system: str, roc_auc: float, precision: float, source: str) -> tuple[Reference, Reference]:
    """Macro ROC-AUC and average precision of one system, in per cent as printed."""
    return (
        Reference(system, "roc_auc", roc_auc / 100, source),
        Reference(system, "average_precision", precision / 100, source),
    )


_CLMR = "README of CLMR (v2), Spijkervet and Burgoyne, ISMIR 2021"
_TUNE = "README of TUNe (Velez Vasquez and Burgoyne), table of CLMR-style linear probes"
_TAGS = ("roc_auc", "average_precision")

PROTOCOLS: dict[str, Published] = {
    "mtat": Published(
        dataset="magnatagatune", choices={"split": "pons2017", "tags": "top50"}, fields=("tags",), metrics=_TAGS,
        aggregate="probabilities",
        references=(
            *_pair("CLMR, SampleCNN, 10,000 epochs; linear", 88.7, 35.6, _CLMR),
            *_pair("CLMR, SampleCNN, 10,000 epochs; MLP", 89.3, 36.0, _CLMR),
            *_pair("SampleCNN, supervised (Lee et al.)", 88.6, 34.4, _CLMR),
            *_pair("Pons et al., supervised", 89.1, 34.92, _CLMR),
            *_pair("TUNe, 10,000 epochs; linear", 89.5, 37.0, _TUNE),
            *_pair("TUNe+, 10,000 epochs; linear", 89.3, 37.1, _TUNE),
            *_pair("musicnn, supervised", 90.7, 38.4, _TUNE),
        ),
    ),
    "mtat_cleaned": Published(
        dataset="magnatagatune", choices={"split": "cleaned", "tags": "top50"}, fields=("tags",), metrics=_TAGS
    ),
    "mtat_all": Published(dataset="magnatagatune", choices={"tags": "all"}, fields=("tags",), metrics=_TAGS),
    "msd": Published(
        dataset="million_song", fields=("tags",), metrics=_TAGS, aggregate="probabilities",
        references=(
            *_pair("CLMR, SampleCNN, 1,000 epochs; linear", 85.7, 25.0, _CLMR),
            *_pair("Pons et al., supervised", 87.4, 28.5, _CLMR),
            Reference("SampleCNN, supervised (Lee et al.)", "roc_auc", 0.884, _CLMR),
        ),
    ),
    "mtg_top50": Published(dataset="mtg_jamendo", choices={"subset": "top50"}, fields=("tags",), metrics=_TAGS),
    "mtg_genre": Published(dataset="mtg_jamendo", choices={"subset": "genre"}, fields=("tags",), metrics=_TAGS),
    "mtg_instrument": Published(
        dataset="mtg_jamendo", choices={"subset": "instrument"}, fields=("tags",), metrics=_TAGS
    ),
    "mtg_moodtheme": Published(dataset="mtg_jamendo", choices={"subset": "moodtheme"}, fields=("tags",), metrics=_TAGS),
    "openmic": Published(dataset="openmic", fields=("instrument",), metrics=("average_precision", "roc_auc")),
    "gtzan": Published(
        dataset="gtzan", choices={"split": "fault_filtered"}, fields=("genre",),
        metrics=("accuracy", "balanced_accuracy"),
    ),
    "gtzan_sturm": Published(
        dataset="gtzan", choices={"split": "sturm3"}, fields=("genre",), metrics=("accuracy", "balanced_accuracy")
    ),
    "fma_small": Published(dataset="fma", choices={"size": "small", "labels": "genre_top"}, fields=("genre",)),
    "fma_medium": Published(
        dataset="fma", choices={"size": "medium", "labels": "genre_top"}, fields=("genre",),
        metrics=("balanced_accuracy", "accuracy"),
    ),
    "nsynth_pitch": Published(dataset="nsynth", choices={"field": "pitch"}, fields=("pitch",)),
    "nsynth_family": Published(dataset="nsynth", choices={"field": "family"}, fields=("family",)),
    "nsynth_source": Published(dataset="nsynth", choices={"field": "source"}, fields=("source",)),
    "vocalset_singer": Published(dataset="vocalset", choices={"field": "singer"}, fields=("singer",)),
    "vocalset_technique": Published(
        dataset="vocalset", choices={"field": "technique", "techniques": "ten"}, fields=("technique",)
    ),
    "giantsteps_key": Published(dataset="giantsteps_key", fields=("key",), metrics=("key_score", "accuracy")),
    "emomusic": Published(dataset="emomusic", fields=("arousal", "valence"), metrics=("r2",), probes=("linear",)),
    "medleydb": Published(
        dataset="medleydb", choices={"items": "stems"}, fields=("instrument",),
        metrics=("accuracy", "balanced_accuracy"),
    ),
    "irmas": Published(dataset="irmas", fields=("instrument",), metrics=("average_precision", "roc_auc")),
    "melon50": Published(dataset="melon", choices={"split": "melon50"}, fields=("melon50",), metrics=_TAGS),
    "melon_playlists": Published(dataset="melon", task="continuation", metrics=("ndcg_at_100", "recall_at_100")),
    "aotm_playlists": Published(dataset="aotm2011", task="continuation", metrics=("ndcg_at_100", "recall_at_100")),
    "mpd_playlists": Published(dataset="million_playlist", task="continuation", metrics=("r_precision", "clicks")),
    "librispeech_speaker": Published(dataset="librispeech", choices={"split": "within"}, fields=("speaker",)),
}  # fmt: skip
"""Name -> protocol."""


def protocols_for(library: Catalogue, names: tuple[str, ...] = ()) -> dict[str, Published]:
    """The protocols that a library can be evaluated by: those asked for, else all that fit; {} where none does.

    Raises:
        UserError: there is no such protocol.
        LibraryError: the library holds something else; figures would not compare.
    """
    if not names:
        return {name: one for name, one in PROTOCOLS.items() if one.fits(library)}
    for name in names:
        if name not in PROTOCOLS:
            fix = f"Known: {', '.join(PROTOCOLS)}."
            raise UserError("is no protocol", name="--protocol", value=name, fix=fix)
        if not PROTOCOLS[name].fits(library):
            wanted = PROTOCOLS[name]
            choices = " ".join(f"{key}={value}" for key, value in wanted.choices.items())
            held = library.info.get("dataset")
            kept = (f"{key}={value}" for key, value in held["choices"].items()) if held else ()
            said = " ".join((held["name"], *kept)) if held else "no published dataset"
            make = " ".join(f"contramuse data {wanted.dataset} {choices} --root FOLDER -o LIBRARY".split())
            fix = f"Figures would not compare. Make the library that is meant with `{make}`."
            raise LibraryError(f"is of another dataset or split: the library holds {said}", name="--protocol",
                               value=name, fix=fix)  # fmt: skip
    return {name: PROTOCOLS[name] for name in names}


def references_of(
    found: Mapping[str, Published], name: str, metrics: tuple[str, ...], split: str
) -> list[dict[str, Any]]:
    """The published figures of the field ``name`` as JSON, each with the name of its split."""
    return [
        {"system": one.system, "metric": one.metric, "value": one.value, "split": split, "source": one.source}
        for protocol in found.values()
        if name in protocol.fields
        for one in protocol.references
        if one.metric in metrics
    ]
