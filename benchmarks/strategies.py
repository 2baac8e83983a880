"""What each strategy is for: the same encoder, the same number of rows, other strategies; scored on every factor.

The built-in corpus with half of its artists to train on and four tenths to test on; each system is trained from the
same first weights on the same number of rows (crops, stems) of 4 s; then frozen, embedded, probed and searched.
Everything is done by the command, one process and one thread for each; what is there already is not done again.

    python benchmarks/strategies.py --out FOLDER [--tracks 960] [--rows 57600] [--workers 2] [--only NAME ...]
    python benchmarks/strategies.py --out FOLDER --write docs/strategies.md
    python benchmarks/strategies.py --out FOLDER --library LIBRARY --field FIELD [--rows N]

With --library two systems are compared on a library of yours, "crops" and semi-supervision by its multiclass field.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 20
BATCH_ROWS = 128
START, END = "<!-- strategies: begin -->", "<!-- strategies: end -->"

TOWER = (
    "{frontend: {kind: log_mel, n_fft: 1024, hop: 512, n_mels: 128}, "
    "encoder: {kind: mel_transformer, patch: [128, 8], dim: 256, depth: 4, heads: 4, drop: 0.5}, "
    "head: {kind: mlp, out: 128}}"
)  # fmt: skip
EQUALISED = "[{kind: equalise, decibels: 4.0, waves: 3}]"
TRANSPOSED = "[{kind: equalise, decibels: 4.0, waves: 3}, {kind: band_shift, bands: [-4, 4]}]"
COSINE = "similarity: {kind: cosine, temperature: 0.1}"


@dataclass(frozen=True)
class System:
    """One strategy.

    Args:
        name: in the table.
        idea: what attracts, in a few words.
        recipe: the shipped recipe that it starts from.
        per_track: rows of one track in a batch.
        settings: overrides.
        aims: factors that it should raise.
    """

    name: str
    idea: str
    recipe: str = "masked"
    per_track: int = 2
    settings: tuple[str, ...] = ()
    aims: tuple[str, ...] = ()


def supervised(name: str, target: str, field: str, *, augment: str = TRANSPOSED) -> System:
    """SemiSupCon by one label field: half of each batch is labelled."""
    wanted = (
        f"contrasts=[{{between: [audio], target: {{kind: any, of: [{{kind: same, by: track}}, {target}]}}, {COSINE}}}]"
    )
    sampler = f"sampler={{kind: mixed, labels: {field}, labelled: 0.5}}"
    settings = (sampler, wanted, f"views.audio.augment={augment}")
    return System(name, f"crops of a track, and tracks alike in {field}", settings=settings, aims=(field,))


def taught(name: str, target: str, field: str) -> System:
    """SupCon by one label field: every track is labelled, and its own crops are alike no more than others."""
    wanted = f"contrasts=[{{between: [audio], target: {target}, {COSINE}}}]"
    settings = (f"sampler={{kind: mixed, labels: {field}, labelled: 1.0}}", wanted)
    return System(name, f"tracks alike in {field}, and nothing else", settings=settings, aims=(field,))


def pairs(name: str, by: str, target: str, aims: tuple[str, ...], *, repeats: str = "never") -> System:
    """PlaylistContrastive: pairs of tracks from lists."""
    return System(
        name, f"two tracks of one list of {by}", per_track=1, aims=aims,
        settings=(
            f"sampler={{kind: together, by: {by}, repeats: {repeats}}}", "views.audio.take.count=1",
            f"contrasts=[{{between: [audio], target: {target}, {COSINE}}}]",
        ),
    )  # fmt: skip


SYSTEMS = (
    System("crops", "two crops of a track, anywhere (CLMR)"),
    System("adjacent", "two crops of a track, next to each other (Choi et al.)",
           settings=("views.audio.take.rule=adjacent", "views.audio.take.gap=0.5")),
    System("self", "one crop, changed twice (Choi et al.)", settings=("views.audio.take.rule=same",)),
    System("no shift", "two crops of a track, not transposed", settings=(f"views.audio.augment={EQUALISED}",),
           aims=("key",)),
    supervised("by genre", "{kind: shared, labels: genre}", "genre"),
    supervised("by instruments", "{kind: dice, labels: instruments}", "instruments"),
    supervised("by key", "{kind: key, labels: key}", "key", augment=EQUALISED),
    supervised("by tempo", "{kind: tempo, value: tempo}", "tempo"),
    supervised("by arousal", "{kind: kernel, value: arousal, width: 0.1}", "arousal"),
    supervised("by valence", "{kind: kernel, value: valence, width: 0.1}", "valence"),
    taught("genre alone", "{kind: shared, labels: genre}", "genre"),
    taught("instruments alone", "{kind: dice, labels: instruments}", "instruments"),
    taught("tempo alone", "{kind: tempo, value: tempo}", "tempo"),
    taught("arousal alone", "{kind: kernel, value: arousal, width: 0.1}", "arousal"),
    pairs("playlists", "playlists", "{kind: same, by: group}", ("playlists",)),
    pairs("artists", "artist", "{kind: same, by: artist}", ("artist",), repeats="across_lists"),
    System("audio, lists, genre", "audio, playlist vector and genre of a track (PlaylistContrastive A,G,P)",
           recipe="playlist_cross", per_track=1, aims=("genre", "playlists"),
           settings=(f"towers.audio={TOWER}", "sample_rate=22050", "views.audio.take.seconds=4.0", "train.pieces=1",
                     f"views.audio.augment={TRANSPOSED}", "embed.window=4.0", "embed.hop=4.0")),
    System("stems", "a mix and one of its stems (MSCOL)", recipe="mscol", per_track=2, aims=("instruments",),
           settings=(f"towers.audio={TOWER}", "sample_rate=22050", "views.stem.take.seconds=4.0",
                     "views.mix.take.seconds=4.0", "contrasts.0.similarity={kind: cosine, temperature: 0.1}",
                     f"views.mix.augment={TRANSPOSED}",
                     "embed.window=4.0", "embed.hop=4.0")),
    System("factors", "a crop with two of pitch, tempo and timbre changed, a head each", recipe="factors", per_track=4,
           aims=("key", "tempo"), settings=("embed.output=[encoder]",)),
    System("vicreg", "two crops, no negatives (VICReg)", recipe="vicreg"),
    System("sigreg", "two crops, no negatives (SIGReg)", recipe="sigreg"),
    System("momentum", "two crops, momentum tower and queue (MoCo)", recipe="momentum"),
    System("everything", "crops, tags, playlists, vectors and stems at once", recipe="everything", per_track=3,
           aims=("playlists", "instruments")),
)  # fmt: skip


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tracks", type=int, default=960)
    parser.add_argument("--rows", type=int, default=57_600, help="rows that each system is trained on")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--library", type=Path, help="a library of yours, with splits; with --field")
    parser.add_argument("--field", help="a multiclass field of it")
    parser.add_argument("--write", type=Path, help="replace the table in this page by what is in FOLDER")
    given = parser.parse_args()
    chosen = [system for system in SYSTEMS if not given.only or system.name in given.only]
    if given.library is not None:
        chosen = [SYSTEMS[0], supervised(f"by {given.field}", f"{{kind: shared, labels: {given.field}}}", given.field)]
    if given.write is None:
        library = given.library or prepare(given.out, given.tracks)
        with ThreadPoolExecutor(given.workers) as pool:
            list(pool.map(lambda system: measure(system, given.out, library, given.rows), chosen))
    tables = page(given.out, given.rows, chosen)
    if given.write is not None:
        text = given.write.read_text(encoding="utf-8")
        before, after = text.split(START)[0], text.split(END)[1]
        given.write.write_text(f"{before}{START}\n{tables}\n{END}{after}", encoding="utf-8")
    else:
        print(tables)


def command(*words: object) -> None:
    """Run the command with one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "contramuse", *map(str, words)], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"contramuse {' '.join(map(str, words))}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def prepare(out: Path, tracks: int) -> Path:
    """The corpus with its splits, its library, and its vectors."""
    music, library = out / "music", out / "library"
    if not (music / "labels.csv").exists():
        command("corpus", "-o", music, "--tracks", tracks, "--seconds", SECONDS)
    if not (out / "labels.csv").exists():
        split_by_artist(music / "labels.csv", out / "labels.csv")
    if not (library / "library.json").exists():
        command("prepare", music, "-o", library, "--labels", out / "labels.csv")
        command("vectors", "cf", library)
        command("vectors", "genre", library)
    return library


def split_by_artist(source: Path, target: Path) -> None:
    """Half of the artists train, a tenth validate, four tenths test; by the hash of their names."""
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    artists = sorted({row["artist"] for row in rows}, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    place = {artist: i / len(artists) for i, artist in enumerate(artists)}
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "split"])
        writer.writeheader()
        for row in rows:
            share = place[row["artist"]]
            writer.writerow({**row, "split": "train" if share < 0.5 else "valid" if share < 0.6 else "test"})


def measure(system: System, out: Path, library: Path, rows: int) -> None:
    """Train, embed and score one system; each step only where its result is not there."""
    folder = out / system.name.replace(", ", "-").replace(" ", "-")
    batch = BATCH_ROWS // system.per_track // 2 * 2
    if not (folder / "run" / "model").exists():
        command(
            "train", system.recipe, "--data", library, "-o", folder / "run", *system.settings, f"train.batch={batch}",
            f"train.steps={rows // (batch * system.per_track)}", "train.optimizer={kind: adamw, lr: 0.001}",
            "train.schedule={kind: cosine, warmup: 0.1}", "train.loggers=[csv]", "train.watch_every=100",
        )  # fmt: skip
    if not (folder / "embeddings" / "meta.json").exists():
        command("embed", folder / "run" / "model-last", library, "-o", folder / "embeddings")
    first = system.name == SYSTEMS[0].name
    has_lists = "playlists" in json.loads((library / "library.json").read_text(encoding="utf-8"))["groups"]
    steps = {
        "linear": ("probe", ["--seeds", 1, "--probe", "linear"]),
        "knn": ("probe", ["--seeds", 1, "--probe", "knn"]),
        **({"playlists": ("playlists", ["--ranking", "centroid"])} if has_lists else {}),
    }
    for name, (verb, more) in steps.items():
        file = f"{name}.json"
        if not (folder / file).exists():
            baselines = "random,mfcc" if first else "none"
            command(
                verb, folder / "embeddings", "--library", library, "--protocol", "split", "--baselines", baselines,
                "--json", folder / file, *more,
            )  # fmt: skip
    print(f"{system.name}: done", flush=True)


METRICS = {"genre": "accuracy", "key": "accuracy", "instruments": "average_precision"}


def scores(folder: Path, probe: str) -> dict[str, dict[str, dict[str, Any]]]:
    """System -> factor -> value, low, high; with the probe "linear" or "knn"."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    told = json.loads((folder / f"{probe}.json").read_text(encoding="utf-8"))
    for task in told["tasks"]:
        for result in task["results"]:
            if result["metric"] == METRICS.get(task["field"], task["metrics"][0]):
                found.setdefault(result["system"], {})[task["field"]] = result
    for group in told["retrieval"]:
        for result in group["results"]:
            if result["metric"] == "recall_at_1" and group["group"] != "playlists":
                found.setdefault(result["system"], {})[group["group"]] = result
    if (folder / "playlists.json").exists():
        for result in json.loads((folder / "playlists.json").read_text(encoding="utf-8"))["results"]:
            if result["metric"] == "ndcg_at_10" and result["ranking"] != "vote":
                found.setdefault(result["system"], {}).setdefault("playlists", result)
    return found


FACTORS = ("genre", "instruments", "key", "tempo", "arousal", "valence", "artist", "playlists")


def page(out: Path, rows: int, systems: Sequence[System]) -> str:
    """Both tables in Markdown."""
    return "\n\n".join(
        [
            "### By a linear probe: what can be read out of the vectors", table(out, systems, "linear"),
            "### By their neighbours: what the vectors call alike (k-NN probe)", table(out, systems, "knn"),
            f"{rows:,} rows of 4 s each.",
        ]
    )  # fmt: skip


def table(out: Path, systems: Sequence[System], probe: str) -> str:
    """One table; a factor that a strategy is for is in bold."""
    lines: list[str] = []
    for system in systems:
        folder = out / system.name.replace(", ", "-").replace(" ", "-")
        if not (folder / f"{probe}.json").exists():
            continue
        found = scores(folder, probe)
        own = next(name for name in found if not name.startswith(("random", "MFCC", "popular", "CF", "albums")))
        factors = [name for name in FACTORS if name in found[own]]
        factors = factors if len(factors) > 2 else sorted(found[own])
        if not lines:
            lines = [f"| strategy | what attracts | {' | '.join(factors)} |", f"|---|---|{'---|' * len(factors)}"]
        others = [name for name in found if system is systems[0] and name.startswith(("random weights", "MFCC"))]
        for name, title, idea, aims in [
            *((other, f"*{other}*", "nothing: not trained", ()) for other in others),
            (own, system.name, system.idea, system.aims),
        ]:
            cells = [_cell(found[name].get(factor), factor in aims) for factor in factors]
            lines.append(f"| {title} | {idea} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(result: dict[str, Any] | None, aimed: bool) -> str:
    if result is None:
        return "—"
    text = f"{result['value']:.3f} [{result['low']:.2f}, {result['high']:.2f}]".replace("-0.", "−.").replace("0.", ".")
    return f"**{text}**" if aimed else text


if __name__ == "__main__":
    main()
