"""The test of a classifier: every labelled track of a split once, metrics with intervals, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rich.markup import escape
from rich.table import Table

from contramuse import __version__
from contramuse.checkpoint.corruption import Corruption
from contramuse.checkpoint.model import Model, load
from contramuse.embeddings.library import check_fits
from contramuse.errors import LibraryError, UserError
from contramuse.probes.protocol import published_split, stored_split_name
from contramuse.probes.published import PROTOCOLS, references_of
from contramuse.probes.words import METRICS, spanned
from contramuse.train.finetune.head import Head, load_head
from contramuse.train.finetune.labels import Scale, check_divided, read_labels
from contramuse.train.finetune.scoring import answer, by_class, confusion, results
from contramuse.train.finetune.settings import Aggregate, Settings
from contramuse.train.finetune.start import stored_settings
from contramuse.train.runs import code_version

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library

FORMAT, VERSION = "contramuse fine-tuning test", 1
NAMES = {
    **METRICS,
    "roc_auc_by_track": "ROC-AUC by track",
    "average_precision_by_track": "average precision by track",
}


def evaluate(
    run: Path,
    library: Library,
    *,
    split: str = "test",
    aggregate: Aggregate | None = None,
    field: str | None = None,
    untagged: str = "out",
    corrupt: Sequence[str | Mapping[str, Any]] = (),
    resamples: int = 1000,
    accelerator: str = "auto",
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """Test the classifier of a run, or one that was published with its encoder.

    Args:
        run: folder with model/ and head/, or a model with a classifier (``contramuse import clmr --head``).
        library: with the labels; it may be another than the run was trained on. Classes are matched by name.
        split: that is tested.
        aggregate: what is averaged over the windows of a track; the run's own setting if not given, probabilities for a
            published classifier.
        field: label field that a published classifier answers.
        untagged: "out" or "in", tracks without any tag, for a published classifier; a run has a setting of its own.
        corrupt: augmentations that the windows go through, as ``checkpoint.corruption`` reads them.
        resamples: of the bootstrap.
        accelerator: "auto", "cpu", "gpu".
        progress: told how many tracks are done.

    Returns:
        The content of test.json.

    Raises:
        UserError: the run has no classifier, or the library does not fit it.
    """
    model, head, settings = _classifier(run, library, field=field, untagged=untagged)
    rule = aggregate or settings.aggregate
    check_fits(library, sample_rate=model.sample_rate, frontend=model.tower.frontend)
    found = read_labels(library, head.fields, untagged=settings.untagged)
    if found.kind != head.kind:
        problem, fix = f"is {found.kind}, the head answers {head.kind}", "Give a library with the field as it was."
        raise LibraryError(problem, name="--field", value="+".join(head.fields), fix=fix)
    labels = found.keep(head.classes, untagged=settings.untagged)
    everything = library.rows(split)
    rows = labels.rows(everything)
    check_divided(labels, rows, split=split)
    corruption = Corruption(corrupt, sample_rate=model.sample_rate) if corrupt else None
    device = "cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu"
    scores, counts = answer(
        model.to(device), head, library, rows, rule=rule, progress=progress,
        corruption=corruption,
    )  # fmt: skip
    tasks = labels.tasks(rows)
    others = published_split(library, tested=len(rows), whole=split == "test" and corruption is None)
    return {
        "format": FORMAT, "version": VERSION, "contramuse": __version__, "code_version": code_version(),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "library": {"root": str(library.root), "fingerprint": library.fingerprint},
        "model": {"hash": model.model_hash, "head": head.info["hash"], "encoder": settings.encoder},
        "fields": list(head.fields), "kind": head.kind, "split": split, "split_name": stored_split_name(library),
        "aggregate": rule, **_published(library, settings.protocol, head.fields, tasks[0].metrics, others),
        "corrupt": None if corruption is None else {"words": str(corruption), "steps": corruption.steps},
        "tracks": len(rows), "windows": int(counts.sum()), "window": model.window,
        "unlabelled": len(everything) - len(rows),
        "unknown_classes": [name for name in found.classes if name not in head.classes],
        "resamples": resamples, "level": 0.95, "results": results(tasks, scores, resamples=resamples, seed=0),
        "classes": by_class(tasks[0], scores),
        "confusion": confusion(tasks[0], scores).tolist() if tasks[0].kind == "multiclass" else None,
    }  # fmt: skip


def _published(
    library: Library, name: str, fields: Sequence[str], metrics: Sequence[str], split: str
) -> dict[str, Any]:
    """The protocol of a run and, where the library holds its dataset, published figures with their ``split``."""
    if not name or not PROTOCOLS[name].fits(library):
        return {"protocol": "", "references": []}
    known = {name: PROTOCOLS[name]}
    found = [one for f in fields for one in references_of(known, f, tuple(metrics), split)]
    return {"protocol": name, "references": found}


def _classifier(run: Path, library: Library, *, field: str | None, untagged: str) -> tuple[Model, Head, Settings]:
    """The encoder, the head and the settings of a run, or of a model that has a classifier itself."""
    if (run / "run.json").exists() or not run.exists():
        settings, model = stored_settings(run), load(run).giving(("encoder",))  # what its head has learnt from
        return model, load_head(run / "head", model_hash=model.model_hash), settings
    model = load(run)
    classes = model.info.get("extra", {}).get("classes")
    if not classes:
        fix = "Give a run of `contramuse finetune`, or a model that `contramuse import clmr --head` made."
        raise UserError("has no classifier", name="--evaluate", value=run, fix=fix)
    if field is None:
        fix = "Name the label field of the library that the classifier answers."
        raise UserError("is missing", name="--field", fix=fix)
    chosen = Settings(fields=(field,), untagged=untagged)  # type: ignore[arg-type]
    kind = read_labels(library, [field], untagged=untagged).kind
    if kind == "numeric":
        fix = "Name a field with classes or tags."
        raise LibraryError("is numeric, the classifier answers classes", name="--field", value=field, fix=fix)
    scale = Scale(np.zeros(len(classes)), np.ones(len(classes)))
    module = model.tower.named_heads()[""]
    return model, Head(module, (field,), kind, tuple(classes), scale, {"hash": model.model_hash}), chosen


def table(found: dict[str, Any]) -> Table:
    """The results for a terminal."""
    rule = found["aggregate"]
    averaged = "answers" if found["kind"] == "numeric" and rule == "probabilities" else rule
    split = f"{found['split']} {found['split_name'].removeprefix('stored ')}"
    title = (
        f"{'+'.join(found['fields'])}: {found['tracks']:,} tracks of the {split}, "
        f"{found['windows']:,} windows of {found['window']:g} s, mean of {averaged}"
    )
    if found["corrupt"]:
        title += f", corrupted by {found['corrupt']['words']}"
    shown = Table(title=escape(title), title_justify="left")
    for name, side in (("task", "left"), ("result", "right"), ("without features", "right")):
        shown.add_column(name, justify=side)  # type: ignore[arg-type]
    for row in found["results"]:
        floor = "" if row["floor"] is None else f"{row['floor']:.3f}"
        shown.add_row(escape(f"{row['field']} ({NAMES[row['metric']]})"), spanned(row), floor)
    return shown
