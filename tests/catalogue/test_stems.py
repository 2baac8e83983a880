"""Stems by the names of their files, in the layouts that are met, and as streams of one file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soxr

from contramuse.catalogue.decoding import Decoding
from contramuse.catalogue.ledger import entries
from contramuse.catalogue.library import Library
from contramuse.catalogue.prepare import LabelSource, Summary, prepare
from contramuse.catalogue.stems import DEFAULT, StemPattern, StemTable, stream_names
from contramuse.errors import UserError
from music import tones, write

RATE = 8000


def run(folder: Path, out: Path, pattern: str | None = None, **options: object) -> Summary:
    stems = DEFAULT if pattern is None else StemPattern(pattern)
    return prepare(folder, out, decoding=Decoding(sample_rate=RATE, workers=1), stems=stems, **options)  # type: ignore[arg-type]


def song(folder: Path, names: dict[str, str], seed: int = 0, seconds: float = 1.5) -> dict[str, np.ndarray]:
    """Stems of own chords and their sum, written under ``names``; "" is a stem that is silent."""
    parts = {name: 0.3 * tones(seconds, RATE, 1, seed=10 * seed + i) for i, name in enumerate(names) if name != "mix"}
    parts["mix"] = np.sum(list(parts.values()), axis=0)
    for name, path in names.items():
        write(folder / path, parts[name], RATE)
    return parts


def attached(out: Path) -> dict[str, tuple[str, ...]]:
    library = Library.open(out)
    return {track.path: track.stems for track in map(library.track, range(len(library)))}


def sounds_like(samples: np.ndarray, x: np.ndarray) -> bool:
    return len(samples) == len(x) and np.abs(samples / 32768 - x[:, 0]).max() < 2e-4


LAYOUTS = {
    "{track}/{stem}.wav": ("{0}/mixture.wav", "{0}/{1}.wav"),  # MUSDB18-HQ
    "{track}_{stem}.*": ("{0}.wav", "{0}_{1}.wav"),
    "{track}_up_open-unmix/{stem}_down.wav": ("{0}.flac", "{0}_up_open-unmix/{1}_down.wav"),
    "stems/{track}_up_open-unmix/{stem}_down.wav": ("mixes/deep/{0}.wav", "stems/{0}_up_open-unmix/{1}_down.wav"),
    "{track}/{track}_STEMS/{track}_STEM_{stem}.wav": ("{0}/{0}_MIX.wav", "{0}/{0}_STEMS/{0}_STEM_{1}.wav"),  # MedleyDB
}


@pytest.mark.parametrize("pattern", LAYOUTS)
def test_stems_are_found_in_layouts_that_are_met(tmp_path: Path, pattern: str) -> None:
    mix, stem = LAYOUTS[pattern]
    parts = {}
    for i, name in enumerate(("One_b", "Two.x")):
        names = {source: stem.format(name, source) for source in ("bass", "vocals")[: 2 - i]}
        parts[name] = song(tmp_path / "music/sub", names | {"mix": mix.format(name)}, seed=i)
    summary = run(tmp_path / "music", tmp_path / "lib", pattern)
    assert (summary.tracks, summary.stems, summary.verdicts) == (2, 2, {"ok": 5})
    assert summary.lines[-1] == f"stems: 3 files by {pattern}"
    assert set(attached(tmp_path / "lib").values()) == {("bass", "vocals"), ("bass",)}
    library = Library.open(tmp_path / "lib")
    assert library.info["stems"] == pattern
    one = next(i for i in range(2) if "One_b" in library.paths[i])
    assert sounds_like(library.store.read(one), parts["One_b"]["mix"])
    assert sounds_like(library.stems("vocals").read(one), parts["One_b"]["vocals"])
    assert library.stems("vocals").lengths.tolist() == [12000 if row == one else 0 for row in range(2)]
    assert sounds_like(library.stems("bass").read(1 - one), parts["Two.x"]["bass"])


def test_a_stem_without_a_track_is_told_and_is_no_track(tmp_path: Path) -> None:
    music = tmp_path / "music"
    song(music, {"mix": "A/mixture.wav", "bass": "A/bass.wav", "synth": "A/synth.wav"})
    song(music, {"bass": "B/bass.wav", "synth": "B/synth.wav", "mix": "B/Some tune.wav"}, seed=1)
    summary = run(music, tmp_path / "lib", "{track}/{stem}.wav")
    assert attached(tmp_path / "lib") == {"A/mixture.wav": ("bass", "synth"), "B/Some tune.wav": ()}
    assert summary.lines[-1].startswith("warning: stems: 4 files by {track}/{stem}.wav; 2 of them belong to no track")
    assert summary.lines[-1].endswith("B/bass.wav, B/synth.wav")
    notes = {entry["path"]: (entry["role"], entry["note"]) for entry in entries(tmp_path / "lib")}
    assert notes["B/bass.wav"] == ("stem", "no track is called B: belongs to none")
    assert run(music, tmp_path / "lib", "{track}-{stem}.wav").lines[-1] == (
        "warning: no file is a stem by {track}-{stem}.wav"
    )
    assert len(attached(tmp_path / "lib")) == 6


def test_silent_stems_and_a_mix_that_is_its_only_stem(tmp_path: Path) -> None:
    """A solo's mixture is the same audio as its stem, and is no duplicate of it."""
    music = tmp_path / "music"
    x = tones(1.5, RATE, 1)
    for path, y in {"A/bass.wav": x, "A/mixture.wav": x, "A/drums.wav": 0 * x, "B/mixture.wav": x}.items():
        write(music / path, y, RATE)
    run(music, tmp_path / "lib", "{track}/{stem}.wav")
    library = Library.open(tmp_path / "lib")
    assert attached(tmp_path / "lib") == {"A/mixture.wav": ("bass", "drums")}
    assert library.track(0).title == "A"
    assert library.stems("drums").lengths.tolist() == [12000]
    assert not library.stems("drums").read(0).any()
    ledger = {entry["path"]: entry for entry in entries(tmp_path / "lib")}
    assert ledger["A/mixture.wav"]["verdict"] == ledger["A/drums.wav"]["verdict"] == "ok"
    assert (ledger["B/mixture.wav"]["verdict"], ledger["B/mixture.wav"]["duplicate_of"]) == (
        "duplicate", "A/mixture.wav",
    )  # fmt: skip


def test_labels_name_a_track_by_its_folder(tmp_path: Path) -> None:
    music = tmp_path / "music"
    for i, name in enumerate("AB"):
        song(music, {"mix": f"{name}/mixture.wav", "bass": f"{name}/bass.wav"}, seed=i)
    (tmp_path / "labels.csv").write_text("file,mood\nA,calm\nB,lively\n")
    run(music, tmp_path / "lib", "{track}/{stem}.wav", labels=LabelSource(tmp_path / "labels.csv"))
    assert Library.open(tmp_path / "lib").labels("mood").tolist() == [0, 1]


def musdb(path: Path, parts: list[np.ndarray]) -> Path:
    """Several audio streams in one mp4, as MUSDB18 has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as file:
        streams = [file.add_stream("aac", rate=44100, layout="mono") for _ in parts]
        for stream in streams:
            stream.bit_rate = 192_000
        for stream, x in zip(streams, parts, strict=True):
            resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=44100)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(x.T), format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 44100, 0, Fraction(1, 44100)
            frames = [*resampler.resample(frame), None]
            for piece in frames:
                for packet in stream.encode(piece):
                    file.mux(packet)
    return path


def test_stem_mp4_holds_mixture_drums_bass_other_vocals(tmp_path: Path) -> None:
    music = tmp_path / "music"
    parts = [0.5 * tones(1.5, 44100, 1, seed=i) for i in range(4)]
    musdb(music / "Artist - Song.stem.mp4", [sum(parts), *parts])
    write(music / "plain.wav", tones(1.5, RATE, 1, seed=9), RATE)
    summary = run(music, tmp_path / "lib")
    assert (summary.tracks, summary.stems) == (2, 1)
    library = Library.open(tmp_path / "lib")
    track = library.track(0)
    assert (track.title, track.stems) == ("Artist - Song", ("drums", "bass", "other", "vocals"))
    assert track.seconds == pytest.approx(1.5, abs=0.06)
    assert library.store.lengths[0] == round(track.seconds * RATE)
    mix = library.store.read(0)[:12000] / 32768
    stems = {name: library.stems(name).read(0)[:12000] / 32768 for name in track.stems}
    assert np.std(mix - sum(stems.values())) < 0.1 * np.std(mix)
    for x, part in zip(stems.values(), parts, strict=True):
        likeness = [np.corrcoef(x[200:-200], soxr.resample(y[:, 0], 44100, RATE)[200:-200])[0, 1] for y in parts]
        assert max(likeness) == pytest.approx(1, abs=0.05)
        assert parts[int(np.argmax(likeness))] is part
    again = run(music, tmp_path / "lib")
    assert again.decoded == 0
    assert attached(tmp_path / "lib")["Artist - Song.stem.mp4"] == track.stems


def test_patterns_that_cannot_be_used() -> None:
    bad = ("{track}.wav", "{stem}.wav", "{track}/{stem", "../{track}/{stem}.wav", "{track}//{stem}", "{x}{track}{stem}")
    for text in bad:
        with pytest.raises(UserError, match="--stems"):
            StemPattern(text)
    assert stream_names(5) == ("drums", "bass", "other", "vocals", "stem 5")


def test_names_with_marks_of_their_own() -> None:
    pattern = StemPattern("{track}_{stem}.*")
    stem = pattern.stem_of(b"x/a_(b)_bass.dub.wav")
    assert stem is not None
    assert (stem.home, stem.track, stem.name) == (b"x", b"a_(b)", "bass.dub")
    paths = [b"a.wav", b"a_bass.wav", b"a_bass_di.wav", b"b_c.wav", b"\xff.wav", b"\xff_bass.wav", b"d_bass.wav"]
    table = StemTable(paths, pattern)
    found = {path: entry.owners for path in paths if (entry := table.of(path)) is not None}
    assert found == {
        b"a_bass.wav": [b"a.wav"],
        b"\xff_bass.wav": [b"\xff.wav"],
        b"d_bass.wav": [],
        b"a_bass_di.wav": [],
    }
    assert StemTable([b"x/S.mp3", b"x/S.ogg", b"x/S_bass.ogg"], pattern).of(b"x/S_bass.ogg").owners == [  # type: ignore[union-attr]
        b"x/S.mp3", b"x/S.ogg",
    ]  # fmt: skip
