"""The card of a model on a hub: README.md, from model.json and from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CARD = "README.md"
ID = "USER/NAME"
"""Stands for the repository in a card that was written before there was one."""
CLASSIFYING = frozenset({"accuracy", "balanced_accuracy", "key_score", "roc_auc", "average_precision"})
"""Metrics of what hubs call audio classification."""


@dataclass(frozen=True)
class Score:
    """A metric with its 95 % interval; None where it does not exist."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.value is None:
            return "n/a"
        interval = "" if self.low is None or self.high is None else f" [{self.low:.3f}, {self.high:.3f}]"
        return f"{self.value:.3f}{interval}"


@dataclass(frozen=True)
class Row:
    """One metric of one task.

    Args:
        task, metric: as in results. title: the metric as people write it.
        own: of the model.
        others: of ``Trial.baselines``, in their order; None where not measured.
        floor: what an answer without features reaches.
        how: the probe, or the similarity.
    """

    task: str
    metric: str
    title: str
    own: Score
    others: tuple[Score | None, ...] = ()
    floor: float | None = None
    how: str = ""


@dataclass(frozen=True)
class Trial:
    """What was measured on one library.

    Args:
        title: of the dataset or library. dataset: its name for machines.
        split: name of the split, without which no figure stands.
        baselines: names.
        rows: figures.
        published: (system, task, metric, value, source) of others on the same split.
    """

    title: str
    dataset: str
    split: str
    baselines: tuple[str, ...]
    rows: tuple[Row, ...]
    published: tuple[tuple[str, str, str, float, str], ...] = ()


@dataclass(frozen=True)
class Evidence:
    """What a card says beyond model.json.

    Args:
        trials: what was measured.
        limits: sentences on what the model does not do.
        training: sentences on the data and the time.
        datasets: names of the published ones that it was trained on.
    """

    trials: tuple[Trial, ...] = ()
    limits: tuple[str, ...] = ()
    training: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


def card(info: Mapping[str, Any], repo: str, *, evidence: Evidence | None = None, licence: str = "unknown") -> str:
    """Markdown with the front matter that hubs read.

    Args:
        info: content of ``model.json``.
        repo: ``user/name``, for the lines that load it.
        evidence: what was measured and how it was trained.
        licence: identifier of the model's licence on the hub, as "mit"; "unknown" if nobody said.
    """
    import yaml

    found = evidence or Evidence()
    name = repo.split("/")[-1] if repo != ID else str(info["recipe"].get("name") or "model")
    recipe = yaml.safe_dump(dict(info["recipe"]), sort_keys=False, allow_unicode=True)
    fence = "```" if "```" not in recipe else "`" * 12
    front = yaml.safe_dump(_metadata(name, found, licence), sort_keys=False, allow_unicode=True, width=1000)
    stated = "" if licence != "unknown" else "\nNo licence was stated: ask who published it before you use it.\n"
    return f"""---
{front}---

# {_text(name)}

A music encoder trained with contramuse: it turns a recording into one vector, near to those of similar recordings.
{stated}
## How to use it

```python
import contramuse

model = contramuse.load("{repo}")
vectors = model.embed(["song.mp3", "other.flac"])  # float32 [2 {info["dim"]}]
```

```
contramuse embed {repo} MUSIC... -o EMBEDDINGS
contramuse search EMBEDDINGS song.mp3
contramuse probe EMBEDDINGS --library LIBRARY
```

| fact | value |
|---|---|
{_facts(info)}

The weights are safetensors and the description is JSON: loading runs no code from this repository.

{_training(found)}{_evaluation(found)}{_limits(found)}## Recipe

{fence}yaml
{recipe}{fence}

## Citation

Cite contramuse (CITATION.cff of its repository), the paper that the recipe follows, and the datasets above.
"""


def _metadata(name: str, evidence: Evidence, licence: str) -> dict[str, Any]:
    """The front matter; results name the dataset with its split."""
    results = [_result(trial, task) for trial in evidence.trials for task in dict.fromkeys(r.task for r in trial.rows)]
    results = [result for result in results if result["metrics"]]
    metrics = list(dict.fromkeys(row.metric for trial in evidence.trials for row in trial.rows))
    return {
        "license": licence,
        "library_name": "contramuse",
        "pipeline_tag": "feature-extraction",
        "tags": ["music", "audio", "embeddings", "contrastive-learning"],
        **({"datasets": list(evidence.datasets)} if evidence.datasets else {}),
        **({"metrics": metrics} if metrics else {}),
        **({"model-index": [{"name": name, "results": results}]} if results else {}),
    }


def _result(trial: Trial, task: str) -> dict[str, Any]:
    """What hubs show of one task."""
    rows = [row for row in trial.rows if row.task == task and row.own.value is not None]
    metrics = [
        {"type": row.metric, "name": f"{row.title}, {row.how}", "value": row.own.value}
        | ({} if row.own.low is None else {"args": {"low": row.own.low, "high": row.own.high, "level": 0.95}})
        for row in rows
    ]
    kind = "audio-classification" if any(row.metric in CLASSIFYING for row in rows) else "other"
    dataset = {"type": trial.dataset, "name": trial.title, "split": trial.split}
    return {"task": {"type": kind, "name": task}, "dataset": dataset, "metrics": metrics}


def _facts(info: Mapping[str, Any]) -> str:
    facts = {
        "model hash (SHA-256 of model.safetensors)": info["model_hash"],
        "preprocessing hash": info["preprocessing_hash"],
        "recipe hash": info.get("recipe_hash"),
        "library fingerprint": info.get("library_fingerprint"),
        "contramuse": info.get("code_version"),
        "vector": f"{info['dim']} numbers, the mean over windows of {info['window']:g} s every {info['hop']:g} s",
        "input": f"any audio file, decoded to mono at {info['sample_rate']} Hz",
        "encoder parameters": f"{info['parameters']:,}" if info.get("parameters") else None,
        **{
            name: _short(value) for name, value in info.get("extra", {}).items() if isinstance(value, (str, int, float))
        },
    }
    return "\n".join(f"| {_text(name)} | {_text(value)} |" for name, value in facts.items() if value is not None)


def _training(evidence: Evidence) -> str:
    return f"## Training\n\n{_listed(evidence.training)}\n\n" if evidence.training else ""


def _evaluation(evidence: Evidence) -> str:
    if not evidence.trials:
        return ""
    blocks = "\n\n".join(map(_trial, evidence.trials))
    return (
        "## Evaluation\n\nThe encoder is frozen. In brackets: 95 % bootstrap intervals. The last column is what an "
        f"answer without features reaches. Figures of different splits must not be compared.\n\n{blocks}\n\n"
    )


def _trial(trial: Trial) -> str:
    head = ["task", "metric", "by", "this model", *trial.baselines, "without features"]
    rows = [
        [row.task, row.title, row.how, f"**{row.own}**", *("" if s is None else str(s) for s in row.others),
         "" if row.floor is None else f"{row.floor:.3f}"]
        for row in trial.rows
    ]  # fmt: skip
    text = f"### {_text(trial.title)}, {_text(trial.split)}\n\n{_table(head, rows)}"
    if trial.published:
        others = [
            [system, task, metric, f"{value:.3f}", source] for system, task, metric, value, source in trial.published
        ]
        text += "\n\nPublished on the same split:\n\n" + _table(["system", "task", "metric", "value", "source"], others)
    return text


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(_text(cell) if line is not lines[1] else cell for cell in line)} |" for line in lines
    )


def _limits(evidence: Evidence) -> str:
    return f"## Limits\n\n{_listed(evidence.limits)}\n\n" if evidence.limits else ""


def _listed(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {_text(sentence)}" for sentence in sentences)


def _short(value: str | float) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _text(value: object) -> str:
    """Text that can stand in a line or cell of Markdown and adds no markup of its own but asterisks."""
    line = " ".join(str(value).split())
    for character, stands in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("[", "\\["), ("`", "\\`")):
        line = line.replace(character, stands)
    return line
