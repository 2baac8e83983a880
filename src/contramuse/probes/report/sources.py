"""What a report is made of: runs, embeddings and sessions of measuring; every part may be missing."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contramuse import __version__
from contramuse.embeddings.store import corrupted_by

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings


@dataclass(frozen=True)
class Ledger:
    """Decoding: how many files had each verdict, and the first of those that were left out or repaired."""

    counts: Mapping[str, int]
    files: tuple[Mapping[str, Any], ...]
    unlisted: int


@dataclass(frozen=True)
class Trained:
    """A run, or a model.

    Args:
        name: of its folder.
        recipe: resolved; None if unknown.
        log: rows of log.csv, column -> value.
        run: run.json. model: model.json.
        test: test.json of a fine-tuning run.
        place: its folder.
    """

    name: str
    recipe: Mapping[str, Any] | None = None
    log: tuple[Mapping[str, float], ...] = ()
    run: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    test: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""

    def heard(self) -> list[str]:
        """Fingerprints of the libraries that it was trained on, those of the model that it began as included."""
        own = self.model.get("library_fingerprint") or self.run.get("library_fingerprint")
        begun = self.model.get("extra", {}).get("from", {})
        return [one for one in (own, *begun.get("library_fingerprints", [])) if one]


@dataclass(frozen=True)
class Session:
    """What one library said about some systems.

    Args:
        library: root, fingerprint, tracks, and "dataset" (name, title, split) where it is a published one.
        parts: "probe", "few", "robustness", "profile", "own", "playlists", as their commands write them.
        places: files that it was read from.
        created: when, as written there.
        models: of an evaluation, where their embeddings ("embeddings") and weights ("path") were.
        left_out: part of an evaluation that could not be measured -> why.
    """

    library: Mapping[str, Any]
    parts: Mapping[str, Any]
    places: tuple[str, ...] = ()
    created: str = ""
    models: tuple[Mapping[str, Any], ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def dataset(self) -> Mapping[str, Any]:
        """Facts about the published dataset, {} for a library of one's own."""
        return self.library.get("dataset") or {}

    @property
    def title(self) -> str:
        """The dataset, or the folder of the library."""
        name = self.dataset.get("title") or self.dataset.get("name")
        return str(name or Path(str(self.library.get("root") or "library")).name)

    def systems(self) -> list[Mapping[str, Any]]:
        """Every system that a part names, each once, with its facts where they are known."""
        found: dict[str, Mapping[str, Any]] = {}
        for part in ("probe", "playlists", "own", "robustness", "profile"):
            content = self.parts.get(part) or {}
            for system in content.get("systems", ()):
                found.setdefault(system["name"], system)
        return list(found.values())


@dataclass(frozen=True)
class Sources:
    """All that a page is built from.

    Args:
        name: title of the page.
        trained: runs and models.
        embeddings: opened folders of embeddings.
        sessions: results.
        library, ledger: None where not given or not there.
        command: that made the report.
    """

    name: str = "report"
    trained: tuple[Trained, ...] = ()
    embeddings: tuple[Embeddings, ...] = ()
    sessions: tuple[Session, ...] = ()
    library: Library | None = None
    ledger: Ledger | None = None
    command: str = ""

    def provenance(self) -> dict[str, Any]:
        """Hashes, versions and places, by name; unknown ones are left out."""
        facts: dict[str, Any] = {"command": self.command, "contramuse": __version__}
        for i, one in enumerate(self.trained):
            facts |= _numbered(_of_trained(one), i, len(self.trained))
        for i, opened in enumerate(self.embeddings):
            facts |= _numbered(_of_embeddings(opened), i, len(self.embeddings))
        for i, session in enumerate(self.sessions):
            facts |= _numbered(_of_session(session), i, len(self.sessions))
        facts["library folder"] = str(self.library.root) if self.library is not None else None
        facts["Python"] = platform.python_version()
        return {name: value for name, value in facts.items() if value}


def _numbered(facts: Mapping[str, Any], i: int, n: int) -> dict[str, Any]:
    return {f"{name} ({i + 1})" if n > 1 else name: value for name, value in facts.items()}


def _of_trained(one: Trained) -> dict[str, Any]:
    return {
        "run or model": one.place,
        "trained with": one.run.get("code_version") or one.model.get("code_version"),
        "model hash": one.model.get("model_hash"),
        "recipe hash": one.model.get("recipe_hash") or one.run.get("recipe_hash"),
        "trained on library": one.model.get("library_fingerprint") or one.run.get("library_fingerprint"),
    }


def _of_embeddings(opened: Embeddings) -> dict[str, Any]:
    meta = opened.meta
    return {
        "embeddings": str(opened.root),
        "model hash of the embeddings": meta.get("model_hash"),
        "preprocessing hash": meta.get("preprocessing_hash"),
        "embedded library": meta.get("library_fingerprint"),
        "corrupted by": corrupted_by(meta),
        "window and hop": f"{meta['window']:g} s every {meta['hop']:g} s" if "window" in meta else None,
    }


def _of_session(session: Session) -> dict[str, Any]:
    return {
        "results": ", ".join(session.places),
        "measured": session.created,
        "measured on library": session.library.get("fingerprint"),
        "split": session.dataset.get("split"),
    }
