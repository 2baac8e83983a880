"""The page: sections in order, each built from what there is; nothing is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from importlib.resources import files
from typing import Any

from contramuse.probes.report import probing, sections
from contramuse.probes.report.sources import Sources

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'"

Section = tuple[str, str, Callable[[Sources], str]]
SECTIONS: tuple[Section, ...] = (
    ("findings", "What it learned", probing.findings),
    ("probe", "Probe", probing.probe_section),
    ("retrieval", "Retrieval", probing.retrieval_section),
    ("map", "Map of the tracks", sections.map_section),
    ("neighbours", "Nearest neighbours", sections.neighbours_section),
    ("training", "Training", sections.training_section),
    ("recipe", "Recipe", sections.recipe_section),
    ("decoding", "What was left out", sections.decoding_section),
    ("provenance", "Provenance", sections.provenance_section),
)


def build_page(sources: Sources) -> str:
    """The whole HTML text; sections without content are left out."""
    built = [(key, title, make(sources)) for key, title, make in SECTIONS]
    shown = [(key, title, body) for key, title, body in built if body]
    links = "".join(f'<a href="#{key}">{escape(title)}</a>' for key, title, _ in shown)
    main = "".join(
        f'<section id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{escape(title)}</h2>{body}</section>'
        for key, title, body in shown
    )
    assets = files("contramuse.probes.report")
    style, script = (assets.joinpath(name).read_text(encoding="utf-8") for name in ("style.css", "map.js"))
    title = escape(sources.name)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{title} - Contramuse report</title>'
        f"<style>{style}</style></head><body>"
        f'<header><p class="kicker">Contramuse report</p><h1>{title}</h1>{_facts(sources)}</header>'
        f'<nav aria-label="Sections">{links}</nav><main>{main}</main>'
        f"<footer>Made by contramuse. This file loads nothing from the network.</footer>"
        f"<script>{script}</script></body></html>\n"
    )


def _facts(sources: Sources) -> str:
    """The line under the title: recipe, encoder, library."""
    recipe: Mapping[str, Any] = sources.recipe or {}
    meta = sources.embeddings.meta if sources.embeddings is not None else {}
    last = sources.log[-1] if sources.log else {}
    parameters = sources.model.get("parameters")
    facts = [
        f"recipe {sources.run.get('recipe') or recipe.get('name')}" if sources.run or recipe.get("name") else None,
        f"{parameters:,} parameters" if parameters else None,
        f"{meta['dim']} numbers per track" if "dim" in meta else None,
        f"{len(sources.embeddings):,} tracks" if sources.embeddings is not None else None,
        f"{last['step']:,.0f} steps" if "step" in last else None,
        f"{last['seconds'] / 60:.1f} minutes of training" if last.get("seconds") else None,
    ]
    shown = [escape(fact) for fact in facts if fact]
    return f'<p class="facts">{" &middot; ".join(shown)}</p>' if shown else ""
