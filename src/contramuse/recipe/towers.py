"""Towers from their specifications, and whether views, towers and contrasts go together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from contramuse.audio.frontend import Waveform
from contramuse.encoders import Identity, Tower
from contramuse.encoders.sequence import SequenceEncoder
from contramuse.errors import RecipeError
from contramuse.recipe.grammar import GRAMMAR, Encoder, Frontend, Head
from contramuse.recipe.parts import Mistakes, nearest

Specs = Mapping[str, Mapping[str, Any]]


def build_towers(specs: Specs, sample_rate: int) -> nn.ModuleDict:
    """Towers by name, with fresh weights; one that follows another begins as its copy and is not trained.

    Raises:
        RecipeError: a constructor refuses an argument, or parts do not go together.
    """
    built = {n: build_tower(spec, sample_rate, f"towers.{n}") for n, spec in specs.items() if not spec["follow"]}
    towers = nn.ModuleDict(built)
    for name, spec in specs.items():
        if spec["follow"]:
            towers[name] = _follower(specs, name, sample_rate, built)
    return nn.ModuleDict({name: towers[name] for name in specs})  # in the order of the recipe


def _follower(specs: Specs, name: str, sample_rate: int, built: Mapping[str, Tower]) -> Tower:
    leader = specs[name]["follow"]
    device = "meta" if any(p.is_meta for p in built[leader].parameters()) else "cpu"
    with torch.random.fork_rng(devices=[]), torch.device(device):  # its first weights are the leader's, not drawn
        tower = build_tower({**specs[leader], "predictor": None}, sample_rate, f"towers.{name}")
    state = {key: value for key, value in built[leader].state_dict().items() if not key.startswith("predictor.")}
    tower.load_state_dict(state)
    return tower.requires_grad_(False)


def build_tower(spec: Mapping[str, Any], sample_rate: int, place: str) -> Tower:
    """One tower; every argument that a constructor takes from its surroundings is given here.

    That is the rate, the frontend's bands, and the width of what comes before a head.
    """
    context: dict[str, Any] = {"sample_rate": sample_rate}
    if spec["encoder"] is None:
        raise RecipeError(
            "is missing", name=f"{place}.encoder", value=None, fix="Name an encoder, or a tower to follow."
        )
    frontend: Any = Waveform()
    if spec["frontend"] is not None:
        frontend = GRAMMAR.build(Frontend, spec["frontend"], context, f"{place}.frontend")
    context["bands"] = frontend.bands
    encoder = GRAMMAR.build(Encoder, spec["encoder"], context, f"{place}.encoder")
    sequence = isinstance(encoder, SequenceEncoder)
    if spec["over"] == "steps" and not sequence:
        raise RecipeError(
            "this encoder gives one vector and no sequence",
            name=f"{place}.over",
            value="steps",
            fix="Use over: vector.",
        )

    def headed(written: Any, dim: int, below: str) -> Any:
        return Identity(dim_in=dim) if written is None else GRAMMAR.build(Head, written, {"dim_in": dim}, below)

    written = spec["heads"] if spec["heads"] is not None else {"": spec["head"]}
    heads = {}
    for name, one in written.items():
        below = f"{place}.heads.{name}" if name else f"{place}.head"
        by_steps = sequence and (spec["over"] == "steps" or reads_sequence(one))
        if reads_sequence(one) and not sequence:
            fix = "Use an encoder with segments, or another head."
            raise RecipeError("needs an encoder that gives a sequence", name=below, value=one["kind"], fix=fix)
        heads[name] = headed(one, encoder.step_dim if by_steps else encoder.dim, below)
    predictor = None
    if spec["predictor"] is not None:
        predictor = headed(spec["predictor"], next(iter(heads.values())).dim, f"{place}.predictor")
    head = heads.get("", heads)
    return Tower(frontend, encoder, head, over=spec["over"], predictor=predictor)


def reads_sequence(head: Mapping[str, Any] | None) -> bool:
    """Whether the head that is written here reads the encoder's sequence."""
    made = GRAMMAR.tables[Head][head["kind"]] if head else None
    return getattr(made, "takes", "vector") == "sequence"


def outputs_of(spec: Mapping[str, Any], specs: Specs) -> list[str]:
    """Names of what a tower gives to a contrast; "" is the only one of most towers."""
    if spec["follow"]:
        spec = specs[spec["follow"]]
    written = spec["heads"] if spec["heads"] is not None else {"": spec["head"]}
    names = []
    for name, head in written.items():
        made = GRAMMAR.tables[Head][head["kind"]] if head else None
        for part in getattr(made, "outputs", ("",)):
            names.append(".".join(p for p in (name, part) if p))
    return names


def all_are_compared(resolved: Mapping[str, Any]) -> bool:
    """Whether every output of every tower that is trained stands in a contrast, so that all weights have a gradient."""
    views, towers, contrasts = resolved["views"], resolved["towers"], resolved["contrasts"]
    compared = {tuple(name.partition(".")[::2]) for contrast in contrasts for name in contrast["between"]}
    seen = {(views[view]["tower"], output) for view, output in compared}
    return all(
        (name, output) in seen
        for name, spec in towers.items() if not spec["follow"]
        for output in outputs_of(spec, towers)
    )  # fmt: skip


def embedding_dim(towers: nn.ModuleDict, views: Mapping[str, Any], name: str) -> int:
    """Size of the embeddings called ``name`` ("view" or "view.output") that a contrast compares."""
    view, _, output = name.partition(".")
    tower = towers[views[view]["tower"]]
    assert isinstance(tower, Tower)
    if tower.predictor is not None:
        return int(tower.predictor.dim)  # type: ignore[arg-type]
    heads = tower.named_heads()
    head = heads[output] if output in heads else heads.get(output.rpartition(".")[0], heads.get(""))
    assert head is not None
    return int(head.dim)  # type: ignore[arg-type]


def check_towers(resolved: Mapping[str, Any], mistakes: Mistakes) -> None:
    """Build the towers without weights: only their constructors know which parts go together."""
    specs, built = resolved["towers"], {}
    for name, spec in specs.items():
        if spec["follow"]:
            continue
        try:
            with torch.device("meta"):
                built[name] = build_tower(spec, resolved["sample_rate"], f"towers.{name}")
        except RecipeError as error:
            mistakes.add(error.name, error.value, error.problem, error.fix)
    if mistakes.found:
        return
    towers = nn.ModuleDict({name: built[spec["follow"] or name] for name, spec in specs.items()})
    for i, contrast in enumerate(resolved["contrasts"]):
        _check_widths(f"contrasts[{i}]", contrast, towers, resolved["views"], mistakes)


def _check_widths(
    place: str, contrast: Mapping[str, Any], towers: nn.ModuleDict, views: Mapping[str, Any], mistakes: Mistakes
) -> None:
    """Whether all embeddings that are compared have one size; a classifier's rows have one number more, their bias."""
    between = contrast["between"]
    own = {name: embedding_dim(towers, views, name) for name in between}
    queries = [own[name] for name in contrast["queries"] or between]
    keys = [own[name] for name in contrast["keys"] or between]
    biased = contrast["similarity"]["kind"] == "biased_dot" and len({*queries}) == 1 and {*keys} == {queries[0] + 1}
    if len({*queries, *keys}) > 1 and not biased:
        said = ", ".join(f"{name} {size}" for name, size in own.items())
        fix = "Give their heads the same `out`."
        mistakes.add(f"{place}.between", between, f"embeddings of different sizes are compared ({said})", fix)


def check_names(resolved: Mapping[str, Any], mistakes: Mistakes) -> None:
    """Whether every name that is used (of a view, a tower, an output) is defined."""
    views, towers = resolved["views"], resolved["towers"]
    for name, spec in towers.items():
        leader = spec["follow"]
        if leader and (leader not in towers or towers[leader]["follow"]):
            others = [n for n, other in towers.items() if not other["follow"]]
            mistakes.add(f"towers.{name}.follow", leader, "is not a trained tower", nearest(leader, others))
    known: dict[str, None] = {}
    before: list[str] = []
    for name, view in views.items():
        if view["tower"] not in towers:
            mistakes.add(f"views.{name}.tower", view["tower"], "is not a tower", nearest(view["tower"], towers))
        elif not mistakes.found:
            known.update({".".join(p for p in (name, o) if p): None for o in outputs_of(towers[view["tower"]], towers)})
        after = view["take"].get("of", "")
        if after and after not in before:
            mistakes.add(
                f"views.{name}.take.of", after, "is not a view written before this one", nearest(after, before)
            )
        before.append(name)
    for place, name in _named(resolved["contrasts"]):
        if name not in known and not mistakes.found:
            mistakes.add(place, name, "is not a view", nearest(name, known))
    for i, contrast in enumerate(resolved["contrasts"]):
        for part in ("queries", "keys", "negatives"):
            for name in contrast[part]:
                if name not in contrast["between"]:
                    fix = nearest(name, contrast["between"])
                    mistakes.add(f"contrasts[{i}].{part}", name, "is not one of between", fix)
    used = {view["tower"] for view in views.values()} | {spec["follow"] for spec in towers.values()}
    for name in towers:
        if name not in used and not mistakes.found:
            mistakes.add(f"towers.{name}", name, "is a tower of no view", nearest(name, sorted(used - {""})))
    embed = resolved["embed"]
    if embed["tower"] not in towers:
        mistakes.add("embed.tower", embed["tower"], "is not a tower", nearest("audio", towers))
    elif not mistakes.found:
        spec = towers[towers[embed["tower"]]["follow"] or embed["tower"]]
        heads = list(spec["heads"] or ())
        single = [["encoder"], *([] if heads else [["head"]])]
        if embed["output"] not in single and not (heads and set(embed["output"]) <= set(heads)):
            names = ["encoder", *(heads or ["head"])]
            mistakes.add("embed.output", embed["output"], "is not what this tower gives", f"Known: {', '.join(names)}.")


def _named(contrasts: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for i, contrast in enumerate(contrasts):
        for name in contrast["between"]:
            yield f"contrasts[{i}].between", name
