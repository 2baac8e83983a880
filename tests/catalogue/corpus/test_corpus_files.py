"""The written corpus: encoded files, tags, truth, determinism."""

import csv
import hashlib
import json
import pickle
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from contramuse.catalogue.corpus.encode import FORMATS, write_track
from contramuse.catalogue.corpus.write import COLUMNS, Settings, write_corpus
from contramuse.cli import app
from contramuse.errors import StorageError, UserError

RATE = 22050


def digests(root: Path) -> dict[str, str]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def settings(soundfont: Path, **changes: object) -> Settings:
    values: dict[str, object] = {"tracks": 9, "seconds": 5.0, "seed": 2, "soundfont": str(soundfont)}
    return Settings(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, soundfont: Path) -> Path:
    root = tmp_path_factory.mktemp("corpus") / "music"
    steps: list[int] = []
    assert write_corpus(root, settings(soundfont), workers=1, progress=steps.append) == "written"
    assert steps == [1] * 9
    return root


def rows_of(root: Path) -> list[dict[str, str]]:
    with open(root / "labels.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_byte_is_the_same_on_two_workers(corpus: Path, soundfont: Path, tmp_path: Path) -> None:
    write_corpus(tmp_path / "again", settings(soundfont), workers=2)
    assert digests(tmp_path / "again") == digests(corpus)


def test_labels_name_every_track_once(corpus: Path) -> None:
    rows = rows_of(corpus)
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 9
    audio = {p.relative_to(corpus).as_posix() for p in corpus.rglob("*") if p.suffix[1:] in FORMATS}
    assert {row["path"] for row in rows} == {path for path in audio if not path.startswith("stems/")}
    assert len({Path(row["path"]).stem for row in rows}) == 9
    assert all(-1 <= float(row[name]) <= 1 for row in rows for name in ("arousal", "valence"))
    assert any(not row["path"].isascii() for row in rows)


def test_playlists_are_the_same_in_both_files(corpus: Path) -> None:
    lists = json.loads((corpus / "playlists.json").read_text(encoding="utf-8"))
    for row in rows_of(corpus):
        member = {one["id"] for one in lists if row["path"] in one["tracks"]}
        assert member == set(filter(None, row["playlists"].split(";")))


def test_stems_on_disk_sum_to_the_mix(corpus: Path) -> None:
    for row in rows_of(corpus):
        path = corpus / row["path"]
        stems = [soundfile.read(p)[0] for p in sorted((corpus / "stems" / path.stem).glob("*.flac"))]
        assert len(stems) == 4
        if path.suffix == ".flac":
            mix = soundfile.read(path)[0].mean(1)
            assert np.abs(np.sum(stems, axis=0) - mix).max() <= 1 / 32768


def test_tags_are_readable(corpus: Path) -> None:
    for row in rows_of(corpus):
        tags = mutagen.File(corpus / row["path"], easy=True)
        for name in ("title", "artist", "album", "genre"):
            assert tags[name] == [row[name]]
        assert tags["date"] == [row["year"]]


@pytest.mark.parametrize("suffix", list(FORMATS))
def test_each_format_holds_the_sound(tmp_path: Path, suffix: str) -> None:
    import av

    t = np.arange(3 * RATE) / RATE
    stereo = np.stack([0.4 * np.sin(2 * np.pi * 440 * t), 0.2 * np.sin(2 * np.pi * 880 * t)]).astype(np.float32)
    path = tmp_path / f"Été – 夜.{suffix}"
    write_track(path, stereo, sample_rate=RATE, tags={"title": "Été – 夜"})
    with av.open(str(path)) as file:
        resampler = av.AudioResampler("fltp", "stereo", RATE)
        frames = [out.to_ndarray() for frame in file.decode(audio=0) for out in resampler.resample(frame)]
    decoded = np.concatenate(frames, axis=1)
    assert abs(decoded.shape[1] / RATE - 3) < 0.2
    middle = decoded[:, RATE : 2 * RATE]
    assert np.abs(np.fft.rfft(middle)).argmax(1).tolist() == [440, 880]
    assert middle.std(1) * 2**0.5 == pytest.approx([0.4, 0.2], rel=0.1)


def test_a_finished_corpus_is_kept_and_another_folder_is_not_overwritten(corpus: Path, soundfont: Path) -> None:
    before = digests(corpus)
    assert write_corpus(corpus, settings(soundfont), workers=1) == "kept"
    with pytest.raises(UserError, match="holds something else"):
        write_corpus(corpus, settings(soundfont, seed=3), workers=1)
    assert digests(corpus) == before


def test_an_unfinished_corpus_is_written_again(corpus: Path, soundfont: Path, tmp_path: Path) -> None:
    root = tmp_path / "cut"
    root.mkdir()
    record = json.loads((corpus / "corpus.json").read_text())
    (root / "corpus.json").write_text(json.dumps(record | {"state": "unfinished"}))
    assert write_corpus(root, settings(soundfont), workers=1) == "written"
    assert digests(root) == digests(corpus)


def test_stems_can_be_left_out(soundfont: Path, tmp_path: Path) -> None:
    write_corpus(tmp_path / "mixes", settings(soundfont, tracks=1, stems="none"), workers=1)
    assert not (tmp_path / "mixes" / "stems").exists()


@pytest.mark.parametrize(
    ("change", "name"),
    [({"tracks": 0}, "tracks"), ({"seconds": 1.0}, "seconds"), ({"seed": -1}, "seed"), ({"stems": "wav"}, "stems")],
)
def test_settings_are_checked(change: dict[str, object], name: str) -> None:
    with pytest.raises(UserError, match=name):
        Settings(**{"tracks": 3, **change})  # type: ignore[arg-type]


def test_an_unwritable_folder_is_told(tmp_path: Path, soundfont: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises((StorageError, UserError)):
        write_corpus(blocked, settings(soundfont), workers=1)
    with pytest.raises(StorageError, match="cannot be written"):
        write_corpus(blocked / "inside", settings(soundfont), workers=1)


def test_an_error_travels_from_a_worker() -> None:
    error = StorageError("cannot be written", name="file", value=Path("x"), fix="Free some space.")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is StorageError
    assert str(again) == str(error)
    assert (again.problem, again.name, again.value, again.fix) == (error.problem, "file", "x", error.fix)


def test_the_command(tmp_path: Path, soundfont: Path) -> None:
    arguments = ["corpus", "-o", str(tmp_path / "c"), "--tracks", "1", "--seconds", "5", "--workers", "1"]
    result = CliRunner().invoke(app, [*arguments, "--soundfont", str(soundfont)])
    assert result.exit_code == 0, result.output
    assert "1 tracks of 5 s" in result.output
    again = CliRunner().invoke(app, [*arguments, "--soundfont", str(soundfont)])
    assert "already holds this corpus" in again.output
    wrong = CliRunner().invoke(app, [*arguments[:-1], "0"])
    assert isinstance(wrong.exception, UserError)


@pytest.mark.slow
def test_the_general_midi_soundfont_is_in_tune_and_audible() -> None:
    """Every melodic instrument at its middle key, within 40 cents (reeds beat); every drum sounds."""
    pytest.importorskip("pretty_midi")
    from contramuse.catalogue.corpus.instruments import DRUMS, INSTRUMENTS, KITS
    from contramuse.catalogue.corpus.render import default_soundfont
    from contramuse.catalogue.corpus.soundfont import SoundFont

    font = SoundFont(default_soundfont())
    for name, one in INSTRUMENTS.items():
        key = (one.low + one.high) // 2
        x = font.tone(one.program, key=key, seconds=1.5, sample_rate=RATE)[2000:18384]
        spectrum = np.log1p(1000 * np.abs(np.fft.rfft(x * np.hanning(len(x)), 65536)) / np.abs(np.fft.rfft(x)).max())
        cents = np.arange(-300, 301, 5)
        combs = 440 * 2 ** ((key - 69 + cents / 100) / 12)
        scores = [spectrum[(np.arange(1, 9) * f * 65536 / RATE).astype(int).clip(max=32768)].mean() for f in combs]
        assert abs(cents[int(np.argmax(scores))]) <= 40, name
    for program, _ in KITS.values():
        for key in DRUMS.values():
            assert font.tone(program, key=key, bank=128, seconds=0.5, sample_rate=RATE).std() > 1e-3
