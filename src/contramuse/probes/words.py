"""The result in words, from the table alone. No winner is named where the paired interval includes zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contramuse.probes.permutation import holm

METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "key_score": "weighted key score",
    "roc_auc": "macro ROC-AUC",
    "average_precision": "macro average precision",
    "r2": "R²",
    "recall_at_1": "R@1",
    "map": "MAP",
    "precision_at_10": "P@10",
    "ndcg_at_10": "NDCG@10",
    "mrr": "MRR",
}
"""Names of the metrics as people write them."""


def headline(results: Mapping[str, Any]) -> list[str]:
    """Sentences on the first model: against each baseline, and where a baseline is better."""
    models = [s["name"] for s in results["systems"] if s["role"] == "model"]
    baselines = [s["name"] for s in results["systems"] if s["role"] == "baseline"]
    if not results["tasks"]:
        return [_nothing(results)]
    probe = results["primary_probe"]
    sentences = [_against(results, models[0], other, probe) for other in baselines]
    sentences += [_against(results, models[0], other, probe) for other in models[1:]]
    lost = lost_to(results, models[0], baselines)
    if lost:
        sentences.append("A baseline wins: " + "; ".join(f"{other} on {listed(names)}" for other, names in lost) + ".")
    elif baselines:
        said = f"No baseline is distinguishably better than {models[0]} on any field or retrieval task"
        worse = any(
            gap["verdict"] == "worse" for other in baselines for _, gap in comparisons(results, models[0], other)
        )
        sentences.append(said + (" where it is above an answer without features." if worse else "."))
    sentences += _elsewhere(results)
    empty = not_above_floor(results, models[0])
    if empty:
        sentences.append(f"{models[0]} is not above an answer without features on {listed(empty)}.")
    return sentences + together(results, models[0]) + checked(results)


def together(results: Mapping[str, Any], model: str) -> list[str]:
    """What the paired permutation tests say of all comparisons of a model at once, by Holm's rule at 5 %."""
    others = [s["name"] for s in results["systems"] if s["name"] != model]
    gaps = [(f"{name} against {other}", gap) for other in others for name, gap in comparisons(results, model, other)]
    gaps = [(name, gap) for name, gap in gaps if gap.get("p_permutation") is not None]
    if len(gaps) < 2:
        return []
    held = holm([gap["p_permutation"] for _, gap in gaps])
    kept = [name for (name, _), one in zip(gaps, held, strict=True) if one]
    said = f"Of {len(gaps)} comparisons of {model} tested together (paired permutations, Holm at 5 %)"
    if not kept and 20 * len(gaps) > results["protocol"].get("permutations", 0) + 1:
        return [f"{said}, none could: {len(gaps)} need {20 * len(gaps)} permutations or more."]
    if not kept:
        return [f"{said}, none differs."]
    named = "all differ" if len(kept) == len(gaps) else f"{len(kept)} differ: {listed(kept)}"
    return [f"{said}, {named}."]


def checked(results: Mapping[str, Any]) -> list[str]:
    """What intervals are drawn over, and what stands on both sides of the test."""
    drawn = results["protocol"].get("resampled_said")
    return [*([drawn] if drawn else []), *results.get("leaks", {}).get("words", ())]


def _elsewhere(results: Mapping[str, Any]) -> list[str]:
    """That vectors of another program have no baseline of random weights."""
    foreign = [s["name"] for s in results["systems"] if s.get("foreign")]
    own = [s for s in results["systems"] if s["role"] == "model" and not s.get("foreign")]
    if not foreign or own:
        return []
    verb = "were" if len(foreign) > 1 else "was"
    return [f"{listed(foreign)} {verb} made elsewhere: of an unknown architecture there are no random weights."]


def _nothing(results: Mapping[str, Any]) -> str:
    if results["skipped"]:
        return "No label field could be probed: " + "; ".join(left_out(results)) + "."
    return (
        "The library has no label fields, so nothing was probed. `contramuse prepare FOLDER -o LIBRARY --labels FILE` "
        "gives it some, without decoding again."
    )


def left_out(results: Mapping[str, Any]) -> list[str]:
    """Fields that were not probed, each with the reason."""
    return [f"{entry['field']} ({entry['reason']})" for entry in results["skipped"]]


def not_above_floor(results: Mapping[str, Any], system: str) -> list[str]:
    """Fields where the interval of the primary probe's first metric reaches what is possible without features."""
    found = []
    for task in results["tasks"]:
        metric = task["metrics"][0]
        wanted = (system, results["primary_probe"], metric)
        for cell in task["results"]:
            if (cell["system"], cell["probe"], cell["metric"]) == wanted:
                floor = task["floor"].get(metric)
                if floor is not None and (cell["low"] is None or cell["low"] <= floor):
                    found.append(task["field"])
    return found


def lost_to(results: Mapping[str, Any], model: str, others: Sequence[str]) -> list[tuple[str, list[str]]]:
    """For each of ``others`` that is better somewhere: the fields and retrieval tasks where it is.

    Fields where it is not above an answer without features itself are no loss.
    """
    found = []
    for other in others:
        gaps, idle = comparisons(results, model, other), not_above_floor(results, other)
        names = [name for name, gap in gaps if gap["verdict"] == "worse" and name not in idle]
        if names:
            found.append((other, names))
    return found


def comparisons(results: Mapping[str, Any], model: str, other: str) -> list[tuple[str, Mapping[str, Any]]]:
    """(task, paired difference) of two systems, first metric of each task, primary probe; then retrieval by R@1."""
    probe = results["primary_probe"]
    found = [(t["field"], pick(t["differences"], model, other, t["metrics"][0], probe)) for t in results["tasks"]]
    found += [
        (f"retrieval by {r['group']}", pick(r["differences"], model, other, r["metrics"][0], None))
        for r in results["retrieval"]
    ]
    return [(name, gap) for name, gap in found if gap is not None]


def pick(
    gaps: Sequence[Mapping[str, Any]], system: str, against: str, metric: str, probe: str | None
) -> Mapping[str, Any] | None:
    """The difference of one pair, metric and probe; None when it was not computed."""
    for gap in gaps:
        if (gap["system"], gap["against"], gap["metric"], gap.get("probe")) == (system, against, metric, probe):
            return gap
    return None


def _against(results: Mapping[str, Any], model: str, other: str, probe: str) -> str:
    gaps = [(t["field"], pick(t["differences"], model, other, t["metrics"][0], probe)) for t in results["tasks"]]
    parts = []
    for verdict in ("better", "worse", "not distinguished"):
        names = [name for name, gap in gaps if gap is not None and gap["verdict"] == verdict]
        if names:
            parts.append(f"{verdict} on {listed(names)}")
    count = sum(gap is not None for _, gap in gaps)
    return f"{model} against {other} ({probe} probe, {count} field{'s' * (count != 1)}): {'; '.join(parts)}."


def listed(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def figure(value: float | None) -> str:
    """A metric with three decimals and no leading zero; "n/a" where it does not exist."""
    if value is None:
        return "n/a"
    text = f"{abs(value):.3f}"
    text = text[1:] if text.startswith("0.") else text
    return f"−{text}" if value < 0 and float(text) > 0 else text


def spanned(cell: Mapping[str, Any]) -> str:
    """A value with its interval, ".512 [.470, .554]"."""
    if cell["low"] is None:
        return figure(cell["value"])
    return f"{figure(cell['value'])} [{figure(cell['low'])}, {figure(cell['high'])}]"
