"""What the weights of a model have seen in training, those of the models that it began as included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contramuse.recipe import Recipe


def lineage(info: Mapping[str, Any]) -> dict[str, list[str]]:
    """What a model.json tells of it.

    Args:
        info: the content of model.json.

    Returns:
        "taught", label fields; "company", what the tracks came with: lists that they were drawn from, vectors, tags;
        "library_fingerprints", the libraries that were heard, the last one first.

    Raises:
        RecipeError: the model is of another version.
    """
    extra = info.get("extra", {})
    tuned, before = extra.get("fine_tuned", {}), extra.get("from", {})
    fields = tuned.get("fields", []) if tuned.get("encoder") in ("full", "lora") else []
    recipe = Recipe.from_resolved(info["recipe"])
    company = dict.fromkeys([*_company(recipe.resolved()), *before.get("company", [])])
    heard = dict.fromkeys([info.get("library_fingerprint"), *before.get("library_fingerprints", [])])
    return {
        "taught": sorted({*recipe.taught, *fields, *before.get("taught", [])}),
        "company": list(company), "library_fingerprints": [one for one in heard if one],
    }  # fmt: skip


def _company(recipe: Mapping[str, Any]) -> list[str]:
    sampler = recipe["sampler"]
    found = [f"lists by {sampler['by']}"] if sampler["kind"] == "together" else []
    takes = [view["take"] for view in recipe["views"].values()]
    found += [f"vectors {take['name']}" for take in takes if take["kind"] == "vector"]
    return found + [f"tags {take['labels']}" for take in takes if take["kind"] == "tags"]
