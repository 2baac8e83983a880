"""Queries that are no audio: tags, through the tower that a model was trained with beside its tower of audio.

Such a tower shares a space with the head of the tower of audio that the recipe contrasts with it. Embeddings must hold
what that head gives; the query then stands in its part, is compared by the plain cosine, as in training, and the other
parts weigh nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from contramuse.checkpoint.model import Model
from contramuse.embeddings import Embeddings
from contramuse.encoders import Identity
from contramuse.errors import EmbeddingsError, UserError
from contramuse.search.query import Query, collection_model
from contramuse.search.space import Floats

COMPARED = ("cosine", "dot")
"""Similarities whose order the cosine of what two towers give can follow; the others hold weights of their own."""
LISTED = 20


@dataclass(frozen=True)
class Meant:
    """One thing that is asked for.

    Args:
        vector: float32 [d], of length 1.
        part: of the embeddings, in whose space it lies.
        tower: that made it.
    """

    vector: Floats
    part: str
    tower: str


def from_tags(
    embeddings: Embeddings, tags: Mapping[str, Sequence[str]], *, model: str | Path | Model | None = None
) -> Query:
    """The query for classes of label fields; several of one field are one set, as a track has them.

    Args:
        embeddings: the collection.
        tags: classes by label field.
        model: the model of the collection, if it is not where ``embeddings.json`` says.

    Raises:
        UserError: the model knows no such field or class.
        EmbeddingsError: the embeddings are not of the space in which tags are compared.
    """
    used = collection_model(embeddings, model)
    meant = []
    for field, names in tags.items():
        view, classes = _tag_view(used, field)
        most = int(used.info["recipe"]["views"][view]["take"]["most"])
        numbers = _numbers(field, names, classes, most=most)
        meant.append(through(embeddings, used, view, torch.tensor([numbers + [0] * (most - len(numbers))])))
    words = ", ".join(f"{field} {' + '.join(names)}" for field, names in tags.items())
    towers = ", ".join(dict.fromkeys(one.tower for one in meant))
    return joined(
        embeddings, meant, means=f"{words}, through the tower {towers}",
        facts={field: tuple(names) for field, names in tags.items()},
    )  # fmt: skip


def through(embeddings: Embeddings, model: Model, view: str, x: Tensor) -> Meant:
    """What the tower of ``view`` makes of ``x`` [b ...], in the space of a part of the embeddings: the rows' mean.

    Raises:
        EmbeddingsError: no part of the embeddings is in that space.
    """
    doors = list(_doors(model, view))
    if not doors:
        raise UserError(
            "is not contrasted with audio by cosine or inner product, so no search can compare them", name="view",
            value=view, fix="Train with such a contrast, e.g. `contramuse train playlist_cross`.",
        )  # fmt: skip
    for head, part in doors:
        if part not in embeddings.parts:
            continue
        name = model.info["recipe"]["views"][view]["tower"]
        tower: Any = model.towers[name]
        with torch.inference_mode():
            z = functional.normalize(tower.project(x.to(model.device), head).float(), dim=1).mean(dim=0)
        return Meant(functional.normalize(z, dim=0).cpu().numpy(), part, name)
    wanted = doors[0][1]
    music = embeddings.meta.get("library_root") or "MUSIC"
    raise EmbeddingsError(
        f"hold {', '.join(embeddings.parts)}, and {view} is compared with {wanted}", name="embeddings",
        value=embeddings.root,
        fix=f"Run contramuse embed {model.path or 'MODEL'} {music} -o {embeddings.root}-{wanted} --output {wanted}",
    )  # fmt: skip


def joined(embeddings: Embeddings, meant: Iterable[Meant], *, means: str, facts: Mapping[str, Any]) -> Query:
    """One query of several things; those of one part are added, and parts without any weigh nothing."""
    parts = {name: np.zeros(width, np.float32) for name, width in embeddings.parts.items()}
    for one in meant:
        parts[one.part] += one.vector
    weights = {name: float(vector.any()) for name, vector in parts.items()}
    vector = np.concatenate(list(parts.values()))
    return Query(vector=vector, row=-1, facts=facts, weights=weights, compared="plain", means=means)


def _doors(model: Model, view: str) -> Iterator[tuple[str, str]]:
    """(head of the view's own tower, part of embeddings that is in its space), as the recipe's contrasts name them."""
    recipe, heads = model.info["recipe"], model.tower.named_heads()
    for contrast in recipe["contrasts"]:
        names = [name.partition(".")[::2] for name in contrast["between"]]
        own = [output for name, output in names if name == view]
        if contrast["similarity"]["kind"] not in COMPARED or not own:
            continue
        for name, output in names:
            if recipe["views"][name]["tower"] == model.info["tower"] and output in heads:
                yield own[0], output or "head"
                if not output and isinstance(heads[output], Identity):
                    yield own[0], "encoder"


def _tag_view(model: Model, field: str) -> tuple[str, list[str]]:
    """The view of tags of this label field, and its classes in their order."""
    known = {str(told["labels"]): (view, list(told["classes"])) for view, told in _told(model, "tags").items()}
    if field in known:
        return known[field]
    if not known:
        raise UserError(
            "the model has no tower of tags", name=_option(field), value=field,
            fix="Train one that has, e.g. `contramuse train playlist_cross`.",
        )  # fmt: skip
    fix = f"It was trained with: {', '.join(known)}."
    raise UserError("the model has no tower of this field", name=_option(field), value=field, fix=fix)


def _option(field: str) -> str:
    """The option by which classes of a field are asked for."""
    return "--genre" if field == "genre" else "--tag"


def _told(model: Model, kind: str) -> dict[str, Any]:
    """What the training told of the views of a kind ("tags", "vectors"), by view; empty where there is none."""
    return dict(model.info.get("extra", {}).get(kind) or {})


def vector_views(model: Model) -> dict[str, tuple[str, str]]:
    """Views of stored vectors -> (name of the vectors, their hash at training time)."""
    return {view: (str(told["name"]), str(told["hash"])) for view, told in _told(model, "vectors").items()}


def _numbers(field: str, names: Sequence[str], classes: Sequence[str], *, most: int) -> list[int]:
    """Ascending numbers from 1 of the classes that are meant."""
    place = {name.casefold(): number for number, name in enumerate(classes, start=1)}
    for name in names:
        if name.casefold() not in place:
            near = difflib.get_close_matches(name, classes, n=3)
            hint = f"Did you mean {', '.join(near)}? " if near else ""
            listed = ", ".join(classes[:LISTED]) + (f" and {len(classes) - LISTED} more" if classes[LISTED:] else "")
            fix = f"{hint}Known: {listed}."
            raise UserError(f"is no {field} that the model knows", name=_option(field), value=name, fix=fix)
    numbers = sorted({place[name.casefold()] for name in names})
    if len(numbers) > most:
        fix = f"Give at most {most}, as in training."
        raise UserError(f"are too many of {field}", name=_option(field), value=len(numbers), fix=fix)
    return numbers
