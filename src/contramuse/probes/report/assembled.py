"""What the page and its JSON share: sessions put together, one colour per system, the map, the neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contramuse.probes.report.atlas import maps
from contramuse.probes.report.joining import joined
from contramuse.probes.report.nearest import nearest
from contramuse.probes.report.sources import Session, Sources, Trained
from contramuse.probes.systems import MEL, MFCC, RANDOM

if TYPE_CHECKING:
    from contramuse.embeddings import Embeddings

FIXED = {RANDOM: "b0", MFCC: "b1", MEL: "b2"}
MODELS, BASELINES = 6, 6
"""Colours that there are; more systems share the last."""


@dataclass(frozen=True)
class Report:
    """What is shown.

    Args:
        sources: as read.
        sessions: those of the same tracks and protocol put together.
        styles: CSS class of every system, the same on the whole page: models m0 m1 ..., baselines b0 b1 ...
        maps: one mapping per collection of tracks, as the page's script reads it.
        neighbours: per embeddings, the nearest tracks of ten.
    """

    sources: Sources
    sessions: tuple[Session, ...]
    styles: Mapping[str, str]
    maps: tuple[dict[str, Any], ...] = ()
    neighbours: tuple[dict[str, Any], ...] = ()

    def each(self, part: str, draw: Callable[[Session, Any], str]) -> str:
        """The part of every session that has it, under the session's name where there are several."""
        drawn = [(one, draw(one, one.parts[part])) for one in self.sessions if one.parts.get(part)]
        shown = [(one, text) for one, text in drawn if text]
        if len(self.sessions) < 2:
            return "".join(text for _, text in shown)
        return "".join(f'<h3 class="session">{session_title(one)}</h3>{text}' for one, text in shown)

    def style(self, system: str) -> str:
        """CSS class of a system."""
        return self.styles.get(system, f"b{BASELINES - 1}")


def session_title(session: Session) -> str:
    """HTML: the dataset and the name of its split, or the library's folder."""
    split = session.dataset.get("split")
    return escape(session.title) + (f" <small>split {escape(str(split))}</small>" if split else "")


def assemble(sources: Sources) -> Report:
    """Everything that is computed before it is drawn."""
    sessions = tuple(joined(sources.sessions))
    styles = styles_of(sessions)
    names: list[str] = []
    for opened in sources.embeddings:
        names.append(_free(system_of(sessions, opened.meta.get("model_hash")) or _folder(opened), names))
    named = dict(zip(names, sources.embeddings, strict=True))
    for name in [*named, *(trained_name(sessions, one) for one in sources.trained)]:
        styles.setdefault(name, _next(styles, "m", MODELS))
    return Report(
        sources=sources,
        sessions=sessions,
        styles=styles,
        maps=tuple(maps(named, sources.library)),
        neighbours=tuple(nearest(name, opened, sources.library) for name, opened in named.items() if len(opened) > 2),
    )


def styles_of(sessions: tuple[Session, ...]) -> dict[str, str]:
    """CSS class of every system that was measured, models in the order in which they were given."""
    styles: dict[str, str] = {}
    for session in sessions:
        for system in session.systems():
            name = system["name"]
            if name in styles:
                continue
            if system.get("role") == "model":
                styles[name] = _next(styles, "m", MODELS)
            else:
                styles[name] = FIXED.get(name) or _next(styles, "b", BASELINES, first=len(FIXED))
    return styles


def _next(styles: Mapping[str, str], letter: str, most: int, *, first: int = 0) -> str:
    taken = {css for css in styles.values() if css[0] == letter}
    free = [f"{letter}{i}" for i in range(first, most) if f"{letter}{i}" not in taken]
    return free[0] if free else f"{letter}{most - 1}"


def system_of(sessions: tuple[Session, ...], model_hash: str | None) -> str | None:
    """Name under which a model was measured."""
    for session in sessions:
        for system in session.systems():
            if model_hash and system.get("model_hash") == model_hash:
                return str(system["name"])
    return None


def trained_name(sessions: tuple[Session, ...], one: Trained) -> str:
    """Name of a run: the one under which its model was measured, else its folder's; a classifier has its folder's."""
    return one.name if one.test else system_of(sessions, one.model.get("model_hash")) or one.name


def _folder(opened: Embeddings) -> str:
    return Path(opened.root).resolve().name


def _free(name: str, taken: list[str]) -> str:
    return next(c for c in (name, *(f"{name} ({i})" for i in range(2, 1000))) if c not in taken)
