"""Write a corpus: compose, render, mix, encode every track, on several processes, and the truth beside the audio."""

from __future__ import annotations

import csv
import io
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path

from contramuse import __version__
from contramuse.catalogue.corpus.compose import compose
from contramuse.catalogue.corpus.encode import FORMATS, write_stem, write_track
from contramuse.catalogue.corpus.mix import Mix, mix
from contramuse.catalogue.corpus.plan import Plan, choose, plan_corpus
from contramuse.catalogue.corpus.playlists import Playlist, playlists
from contramuse.catalogue.corpus.render import CachedTones, Tones, default_soundfont, render_part
from contramuse.catalogue.corpus.soundfont import SoundFont
from contramuse.catalogue.corpus.truth import Truth, truth
from contramuse.errors import ContramuseError, UserError
from contramuse.files import replacing, stable_hash, write_json

COLUMNS = ("path", "title", "genre", "instruments", "tags", "key", "tempo", "arousal", "valence", "artist", "album",
           "year", "playlists")  # fmt: skip
# Of mp3 and m4a files, in turn.
_BIT_RATES = (96_000, 128_000, 160_000)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a corpus depends on; the number of workers is not among it.

    Args:
        tracks: how many; seconds: of each; seed: another one gives other artists and other music.
        sample_rate: of the files, Hz; stems: "flac" writes four per track, "none" writes none.
        soundfont: an .sf2 file; None takes the one of pretty_midi.
    """

    tracks: int
    seconds: float = 30.0
    seed: int = 0
    sample_rate: int = 22050
    stems: str = "flac"
    soundfont: str | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        for name, low, high in (("tracks", 1, 10**6), ("seconds", 5, 3600), ("sample_rate", 16000, 48000)):
            if not low <= getattr(self, name) <= high:
                raise UserError("is out of range", name=name, value=getattr(self, name), fix=f"Choose {low} to {high}.")
        if self.seed < 0:
            raise UserError("is negative", name="seed", value=self.seed, fix="Choose 0 or more.")
        if self.stems not in ("flac", "none"):
            raise UserError("is not known", name="stems", value=self.stems, fix="Choose flac or none.")


def write_corpus(
    folder: str | Path, settings: Settings, *, workers: int | None = None, progress: Callable[[int], None] | None = None
) -> str:
    """Write a corpus into a folder.

    Args:
        folder: new or empty, or one that holds this or an unfinished corpus.
        workers: processes; None takes one per core. The files do not depend on it.
        progress: called with 1 after every track.

    Returns:
        "written", or "kept" when the folder already holds this corpus.

    Raises:
        UserError: the folder holds something else.
        MissingDependencyError: there is no SoundFont.
    """
    root = Path(folder)
    soundfont = Path(settings.soundfont) if settings.soundfont else default_soundfont()
    SoundFont(soundfont)
    record = {"program": f"contramuse {__version__}", "soundfont": soundfont.name, **asdict(settings)}
    if _check_folder(root, record) == "kept":
        return "kept"
    write_json(root / "corpus.json", record | {"state": "unfinished"})
    plans = plan_corpus(tracks=settings.tracks, seconds=settings.seconds, seed=settings.seed)
    truths = []
    for found in _work(root, plans, settings, soundfont, workers or os.cpu_count() or 1):
        truths.append(found)
        if progress:
            progress(1)
    lists = playlists(truths, [plan.artist for plan in plans], seed=settings.seed)
    _write_truth(root, plans, truths, lists)
    write_json(root / "corpus.json", record | {"state": "finished"})
    return "written"


def track_path(plan: Plan) -> Path:
    """Path of a track inside its corpus: Artist/Album/NNN Title.suffix; the file's stem is unique in the corpus."""
    suffix = choose(FORMATS, plan.generator("format"))
    return Path(plan.artist) / plan.album / f"{plan.number:03d} {plan.title}.{suffix}"


def make_track(plan: Plan, tones: Tones, *, sample_rate: int) -> tuple[Mix, Truth]:
    """Compose, render and mix one track."""
    song = compose(plan)
    sounds = {
        part.player: render_part(part, tones, seconds=plan.seconds, sample_rate=sample_rate) for part in song.parts
    }
    mixed = mix(song, sounds, sample_rate=sample_rate)
    return mixed, truth(song, mixed)


def _check_folder(root: Path, record: dict[str, object]) -> str:
    import json

    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return "new"
    try:
        old = json.loads((root / "corpus.json").read_text(encoding="utf-8"))
        state = old.pop("state")
    except (OSError, ValueError, KeyError, AttributeError):
        old, state = None, ""
    if old != record:
        raise UserError(
            "already holds something else", name="output", value=root, fix="Choose a new folder, or delete this one."
        )
    return "kept" if state == "finished" else "unfinished"


def _work(root: Path, plans: list[Plan], settings: Settings, soundfont: Path, workers: int) -> Iterator[Truth]:
    """The truths in the order of the plans."""
    if workers == 1 or len(plans) == 1:
        tones = CachedTones(SoundFont(soundfont))
        yield from (_write_one(root, plan, tones, settings) for plan in plans)
        return
    # Not fork: the calling program may have threads.
    context = multiprocessing.get_context("spawn")
    jobs = [(root, plan, settings) for plan in plans]
    try:
        with ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(soundfont,)) as pool:
            yield from pool.map(_write_in_worker, jobs, chunksize=1)
    except BrokenProcessPool as error:
        raise ContramuseError(
            "ended without a word, as happens when memory runs out",
            name="worker process",
            fix="Run the command again with fewer --workers.",
        ) from error


_worker_tones: list[CachedTones] = []


def _start_worker(soundfont: Path) -> None:
    # Ctrl-C is the main process's to answer: it lets the workers finish their track.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker_tones[:] = [CachedTones(SoundFont(soundfont))]


def _write_in_worker(job: tuple[Path, Plan, Settings]) -> Truth:
    root, plan, settings = job
    return _write_one(root, plan, _worker_tones[0], settings)


def _write_one(root: Path, plan: Plan, tones: Tones, settings: Settings) -> Truth:
    mixed, found = make_track(plan, tones, sample_rate=settings.sample_rate)
    path = track_path(plan)
    tags = {
        "title": plan.title, "artist": plan.artist, "album": plan.album, "genre": plan.style, "date": str(plan.year),
        "tracknumber": str(plan.number + 1),
    }  # fmt: skip
    bit_rate = _BIT_RATES[plan.number % len(_BIT_RATES)]
    write_track(root / path, mixed.stereo, sample_rate=settings.sample_rate, tags=tags, bit_rate=bit_rate)
    if settings.stems == "flac":
        for name, wave in mixed.stems.items():
            write_stem(root / "stems" / path.stem / f"{name}.flac", wave, sample_rate=settings.sample_rate)
    return found


def _write_truth(root: Path, plans: list[Plan], truths: list[Truth], lists: list[Playlist]) -> None:
    """labels.csv, playlists.json and truth.json (the causes of the moods and the levels of the stems)."""
    paths = [track_path(plan).as_posix() for plan in plans]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for number, (plan, found) in enumerate(zip(plans, truths, strict=True)):
        member = [one.id for one in lists if number in one.tracks]
        table.writerow([
            paths[number], plan.title, found.genre, ";".join(found.instruments), ";".join(found.tags), found.key,
            found.tempo, found.arousal, found.valence, plan.artist, plan.album, plan.year, ";".join(member),
        ])  # fmt: skip
    with replacing(root / "labels.csv") as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
    write_json(
        root / "playlists.json",
        [{"id": one.id, "name": one.name, "tracks": [paths[i] for i in one.tracks]} for one in lists],
    )
    write_json(
        root / "truth.json",
        [
            {"path": path, "plan": stable_hash(asdict(plan)), "mode": plan.mode, "players": plan.players,
             "kit": plan.kit, "causes": found.causes, "stems_db": _finite(found.stems)}
            for path, plan, found in zip(paths, plans, truths, strict=True)
        ],
    )  # fmt: skip


def _finite(levels: dict[str, float]) -> dict[str, float | None]:
    """A silent stem's level is written as null: JSON has no infinity."""
    return {name: level if level > -1000 else None for name, level in levels.items()}
