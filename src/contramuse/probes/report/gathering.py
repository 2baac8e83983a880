"""Paths told apart by what is in them, and read."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from contramuse.errors import LibraryError, UserError
from contramuse.files import told_apart
from contramuse.probes.report.sources import Ledger, Session, Sources, Trained

if TYPE_CHECKING:
    from contramuse.catalogue.library import Library
    from contramuse.embeddings import Embeddings

Kind = Literal["run", "embeddings", "results"]
MOST_FILES = 200
"""Files of the ledger that are listed."""
PARTS: Mapping[str, tuple[str, ...]] = {
    "probe": ("primary_probe", "probes", "systems", "tasks", "retrieval", "protocol", "library", "skipped"),
    "robustness": ("corruptions", "points"),
    "profile": ("factors", "points"),
    "own": ("results",),
    "playlists": ("systems", "results", "differences", "metrics", "rankings", "protocol", "library"),
}
"""Parts of results that are drawn, and what each must hold."""
FORMATS = {"contramuse probe": "probe", "contramuse playlists": "playlists"}
NEEDED = "Give a run, a model, embeddings, or results of `contramuse probe --json`, `playlists --json` or `evaluate`."


def gather_sources(
    paths: Sequence[Path] = (),
    *,
    embeddings: Path | None = None,
    probe: Path | None = None,
    library: Path | None = None,
    command: str = "",
) -> Sources:
    """Read what is given.

    Args:
        paths: runs, models, embeddings, evaluations (folders) and results (files), in any order.
        embeddings, probe: one more of each.
        library: with labels and ledger; the embedded one when it is still where it was.
        command: to be shown.

    Raises:
        UserError: nothing is given, or something given is not what it should be.
    """
    given: list[tuple[Kind, Path]] = [(kind_of(path), path) for path in paths]
    given += [("embeddings", embeddings)] if embeddings is not None else []
    given += [("results", probe)] if probe is not None else []
    given = list(dict.fromkeys(given))
    sessions = tuple(read_session(path) for kind, path in given if kind == "results")
    given += [one for one in measured(sessions) if not any(kind == one[0] for kind, _ in given)]
    if not given:
        raise UserError("nothing to report on", name="report", fix=NEEDED)
    runs = [path for kind, path in given if kind == "run"]
    names = told_apart(runs or [path for _, path in given])
    trained = tuple(read_trained(path, name=names[path]) for kind, path in given if kind == "run")
    opened = tuple(_embeddings(path) for kind, path in given if kind == "embeddings")
    places = [one.meta.get("library_root") for one in opened] + [one.library.get("root") for one in sessions]
    place = library or next((Path(one) for one in places if one), None)
    found = _library(place, asked=library is not None)
    return Sources(
        name=", ".join(names[path] for path in runs) or names[given[0][1]].removesuffix(".json"),
        trained=trained,
        embeddings=opened,
        sessions=sessions,
        library=found,
        ledger=None if found is None else read_ledger(found.root),
        command=command,
    )


def measured(sessions: Sequence[Session]) -> list[tuple[Kind, Path]]:
    """Embeddings and runs of evaluated models, as far as they are still where they were."""
    found: list[tuple[Kind, Path]] = []
    for model in (one for session in sessions for one in session.models):
        embeddings, weights = (Path(str(model.get(key) or "/")) for key in ("embeddings", "path"))
        if (embeddings / "embeddings.json").exists():
            found.append(("embeddings", embeddings))
        run = weights.parent if (weights.parent / "recipe.yaml").exists() else weights
        if (run / "recipe.yaml").exists() or (run / "model.json").exists():
            found.append(("run", run))
    return list(dict.fromkeys(found))


def kind_of(path: Path) -> Kind:
    """What is at ``path``, by what is in it.

    Raises:
        UserError: nothing that a report could be made of.
    """
    if path.is_file():
        return "results"
    if not path.is_dir():
        raise UserError("is not there", name="report", value=path, fix=NEEDED)
    if (path / "evaluation.json").exists():
        return "results"
    if (path / "embeddings.json").exists():
        return "embeddings"
    if any((path / name).exists() for name in ("recipe.yaml", "model.json", "model")):
        return "run"
    if (path / "library.json").exists():
        fix = f"Measure a model on it first: contramuse embed MODEL {path} -o EMB, then contramuse probe EMB."
        raise UserError("is a library, which has no results", name="report", value=path, fix=fix)
    raise UserError("is neither a run nor a model, embeddings or an evaluation", name="report", value=path, fix=NEEDED)


def read_session(path: Path) -> Session:
    """The checked content of a results file, or of the evaluation in a folder.

    Raises:
        UserError: it is missing, damaged or another program's.
    """
    file = path / "evaluation.json" if path.is_dir() else path
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot be read ({error})", name="results", value=file, fix=NEEDED) from error
    kind = found.get("format") if isinstance(found, dict) else None
    if kind not in (*FORMATS, "contramuse evaluation"):
        raise UserError("is no result of contramuse", name="results", value=file, fix=NEEDED)
    if found.get("version") != 1:
        fix = "It was written by another version of contramuse: measure again."
        raise UserError(f"has version {found.get('version')}, not 1", name="results", value=file, fix=fix)
    parts = found.get("parts", {}) if kind == "contramuse evaluation" else {FORMATS[kind]: found}
    _check(parts, file)
    return Session(
        library=found.get("library") or {},
        parts=parts,
        places=(str(file),),
        created=str(found.get("created", "")),
        models=tuple(one for one in found.get("models") or () if isinstance(one, dict)),
        left_out={str(name): str(why) for name, why in (found.get("left_out") or {}).items()},
    )


def _check(parts: Any, file: Path) -> None:
    """What is drawn is there, so that a damaged file is told and not stumbled over."""
    fix = "Write the file again."
    if not isinstance(parts, dict):
        raise UserError('"parts" is no mapping', name="results", value=file, fix=fix)
    for name, needed in PARTS.items():
        part = parts.get(name)
        if part is None:
            continue
        missing = [key for key in needed if not isinstance(part, dict) or key not in part]
        if missing:
            raise UserError(f'its part "{name}" has no {", ".join(missing)}', name="results", value=file, fix=fix)
    few = [] if parts.get("few") is None else parts["few"]
    if not isinstance(few, list) or any(not isinstance(one, dict) or "points" not in one for one in few):
        raise UserError('its part "few" is not a list of curves', name="results", value=file, fix=fix)


def read_trained(path: Path, *, name: str) -> Trained:
    """A run (recipe.yaml, log.csv, model/) or a model (model.json), as far as it goes, called ``name``."""
    model = _json(path / "model.json") or _json(path / "model" / "model.json")
    return Trained(
        name=name,
        recipe=_recipe(path, model),
        log=_log(path / "log.csv"),
        run=_json(path / "run.json"),
        model=model,
        test=_test(path / "test.json"),
        place=str(path),
    )


def read_ledger(library: Path) -> Ledger | None:
    """Counts of verdicts, and the files that are not simply ok; None where the library has no ledger.

    Raises:
        LibraryError: it is damaged.
    """
    from contramuse.catalogue.ledger import counts, entries

    if not (library / "ledger.parquet").exists():
        return None
    found = Counter(counts(library))
    files = tuple(islice((row for row in entries(library) if row["verdict"] != "ok"), MOST_FILES))
    return Ledger(dict(found.most_common()), files, found.total() - found["ok"] - len(files))


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _test(path: Path) -> dict[str, Any]:
    """What fine-tuning found on tested tracks; another program's file of this name is not ours to show."""
    found = _json(path)
    whole = all(key in found for key in ("library", "split", "tracks", "fields", "results", "classes"))
    return found if whole and found.get("format") == "contramuse fine-tuning test" else {}


def _recipe(run: Path, model: Mapping[str, Any]) -> Mapping[str, Any] | None:
    import yaml

    if (run / "recipe.yaml").exists():
        try:
            found = yaml.safe_load((run / "recipe.yaml").read_text(encoding="utf-8"))
        except yaml.YAMLError:
            found = None
        if isinstance(found, dict):
            return found
    recipe = model.get("recipe")
    return recipe if isinstance(recipe, dict) else None


def _log(path: Path) -> tuple[dict[str, float], ...]:
    if not path.exists():
        return ()
    with path.open(newline="", encoding="utf-8") as file:
        rows = [{name: _number(text) for name, text in row.items() if name} for row in csv.DictReader(file)]
    return tuple({name: value for name, value in row.items() if value is not None} for row in rows)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _embeddings(folder: Path) -> Embeddings:
    from contramuse.embeddings import Embeddings

    return Embeddings.open(folder)


def _library(place: Path | None, *, asked: bool) -> Library | None:
    from contramuse.catalogue.library import Library

    if place is None:
        return None
    try:
        return Library.open(place)
    except LibraryError:
        if asked:
            raise
        return None
