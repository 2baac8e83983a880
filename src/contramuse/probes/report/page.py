"""The page: sections in order, each built from what there is; nothing is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from importlib.resources import files

from contramuse.probes.report import (
    compare,
    confusion,
    finetuned,
    own,
    probing,
    references,
    robust,
    sections,
    shares,
    tags,
    training,
)
from contramuse.probes.report.assembled import Report

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'"

Section = tuple[str, str, Callable[[Report], str]]
SECTIONS: tuple[Section, ...] = (
    ("findings", "What it learned", probing.findings),
    ("compare", "Side by side", compare.compare_section),
    ("probe", "Probe", probing.probe_section),
    ("published", "Published figures", references.references_section),
    ("tags", "Tag by tag", tags.tags_section),
    ("confusion", "Confusions", confusion.confusion_section),
    ("few", "Few labels", shares.few_section),
    ("robustness", "Robustness", robust.robustness_section),
    ("profile", "What it hears and ignores", robust.profile_section),
    ("own", "The library itself, without labels", own.own_section),
    ("finetuned", "Fine-tuned", finetuned.finetuned_section),
    ("retrieval", "Retrieval", probing.retrieval_section),
    ("playlists", "Playlist continuation", probing.playlists_section),
    ("map", "Map of the tracks", sections.map_section),
    ("neighbours", "Nearest neighbours", sections.neighbours_section),
    ("training", "Training", training.training_section),
    ("recipe", "Recipe", sections.recipe_section),
    ("decoding", "What was left out", sections.decoding_section),
    ("provenance", "Provenance", sections.provenance_section),
)


def build_page(report: Report) -> str:
    """The whole HTML text; sections without content are left out."""
    built = [(key, title, make(report)) for key, title, make in SECTIONS]
    shown = [(key, title, body) for key, title, body in built if body]
    links = "".join(f'<a href="#{key}">{escape(title)}</a>' for key, title, _ in shown)
    main = "".join(
        f'<section id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{escape(title)}</h2>{body}</section>'
        for key, title, body in shown
    )
    assets = files("contramuse.probes.report")
    names = ("style.css", "pictures.css", "map.js")
    style, pictures, script = (assets.joinpath(name).read_text(encoding="utf-8") for name in names)
    title = escape(report.sources.name)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{title} - Contramuse report</title>'
        f"<style>{style}{pictures}</style></head><body>"
        f'<header><p class="kicker">Contramuse report</p><h1>{title}</h1>{_facts(report)}</header>'
        f'<nav aria-label="Sections">{links}</nav><main>{main}</main>'
        f"<footer>Made by contramuse. This file loads nothing from the network.</footer>"
        f"<script>{script}</script></body></html>\n"
    )


def _facts(report: Report) -> str:
    """The lines under the title: one per run, else what was embedded or measured."""
    sources = report.sources
    meta = sources.embeddings[0].meta if sources.embeddings else {}
    lines = []
    for one in sources.trained:
        recipe = one.run.get("recipe") or (one.recipe or {}).get("name")
        last = one.log[-1] if one.log else {}
        parameters = one.model.get("parameters")
        lines.append([
            one.name if len(sources.trained) > 1 else None,
            f"recipe {recipe}" if recipe else None,
            f"{parameters:,} parameters" if parameters else None,
            f"{last['step']:,.0f} steps" if "step" in last else None,
            f"{last['seconds'] / 60:.1f} minutes of training" if last.get("seconds") else None,
        ])  # fmt: skip
    tracks = f"{len(sources.embeddings[0]):,} tracks" if sources.embeddings else None
    measured = ", ".join(dict.fromkeys(one.title for one in report.sessions))
    lines.append([
        f"{meta['dim']} numbers per track" if "dim" in meta and len(sources.embeddings) == 1 else None,
        tracks,
        f"measured on {measured}" if measured else None,
    ])  # fmt: skip
    shown = [" &middot; ".join(escape(fact) for fact in line if fact) for line in lines]
    return "".join(f'<p class="facts">{line}</p>' for line in shown if line)
