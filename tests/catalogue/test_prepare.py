"""prepare from end to end on small folders: verdicts, duplicates, labels, stems, splits, changes, and bad input."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from contramuse.audio.decode import decode
from contramuse.audio.store import shard_path
from contramuse.catalogue.decoding import Decoding
from contramuse.catalogue.grouping import Splitting
from contramuse.catalogue.ledger import counts, entries
from contramuse.catalogue.library import Library
from contramuse.catalogue.prepare import LabelSource, Summary, prepare
from contramuse.errors import ContramuseError, LibraryError, StorageError, UserError
from jobs import decode_or_hang
from music import encode, tones, write

RATE = 8000


def tag(path: Path, **tags: str | list[str]) -> Path:
    import mutagen

    file = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    for name, value in tags.items():
        file[name] = value
    file.save()
    return path


def run(folder: Path, out: Path, **options: object) -> Summary:
    decoding = Decoding(sample_rate=RATE, workers=1, timeout=20.0)
    return prepare(folder, out, decoding=decoding, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that may happen."""
    root = tmp_path_factory.mktemp("music")
    for i, genre in enumerate(["rock", "jazz", "rock", "folk"]):
        path = encode(root / f"album/{i}.mp3", tones(1.5, 22050, seed=i), 22050, "mp3")
        tag(path, title=f"Song {i}", artist=f"Artist {i // 2}", album="One", genre=genre, date=f"{1990 + i}-05-01")
    tag(write(root / "été.flac", tones(1.5, 22050, seed=9), 22050), artist=["Ann", "Bob"], genre=["rock", "folk"])
    tag(encode(root / "m.m4a", tones(1.5, 22050, seed=10), 22050, "aac"), title="Em", artist="Cy", date="2001")
    shutil.copy(root / "album/0.mp3", root / "album/0 copy.mp3")
    shutil.copy(root / "été.flac", root / "retagged.flac")
    tag(root / "retagged.flac", title="Another title")
    write(root / "short.wav", tones(0.2, 22050), 22050)
    write(root / "silence.wav", 0 * tones(1.5, 22050), 22050)
    (root / "broken.mp3").write_bytes(b"no audio" * 100)
    (root / "notes.txt").write_text("text")
    with open(os.path.join(os.fsencode(root), b"\xff\n.wav"), "wb") as file:
        file.write(write(root / "x.wav", tones(1.5, 22050, seed=11), 22050).read_bytes())
    (root / "x.wav").unlink()
    for name in ("bass", "vocals"):
        silent = name == "vocals"
        write(root / f"stems/m/{name}.wav", (0 if silent else 1) * tones(1.5, 22050, seed=12), 22050)
    write(root / "stems/nobody/drums.wav", tones(1.5, 22050, seed=13), 22050)
    return root


@pytest.fixture(scope="module")
def prepared(music: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    out = tmp_path_factory.mktemp("library") / "lib"
    return out, run(music, out)


def test_every_file_is_in_the_ledger_with_its_verdict(prepared: tuple[Path, Summary]) -> None:
    out, summary = prepared
    ledger = {entry["path"]: entry for entry in entries(out)}
    verdicts = {path: entry["verdict"] for path, entry in ledger.items()}
    assert verdicts == {
        "album/0.mp3": "duplicate", "album/0 copy.mp3": "ok", "album/1.mp3": "ok", "album/2.mp3": "ok",
        "album/3.mp3": "ok", "été.flac": "duplicate", "retagged.flac": "ok", "m.m4a": "ok", "short.wav": "too short",
        "silence.wav": "silent", "broken.mp3": "failed", "\\xff\n.wav": "ok", "stems/m/bass.wav": "ok",
        "stems/m/vocals.wav": "ok", "stems/nobody/drums.wav": "ok",
    }  # fmt: skip
    assert ledger["album/0.mp3"]["duplicate_of"] == "album/0 copy.mp3"
    assert ledger["été.flac"]["duplicate_of"] == "retagged.flac"
    assert ledger["stems/m/bass.wav"]["role"] == "stem"
    assert ledger["stems/nobody/drums.wav"]["role"] == "track"
    assert "soundfile: format not recognised; PyAV: " in ledger["broken.mp3"]["note"]
    assert ledger["m.m4a"]["decoder"].startswith("PyAV")
    assert (ledger["m.m4a"]["source_rate"], ledger["m.m4a"]["channels"]) == (22050, 2)
    assert counts(out) == summary.verdicts == {"ok": 10, "failed": 1, "too short": 1, "silent": 1, "duplicate": 2}
    assert summary.changes == {"added": 15, "changed": 0, "unchanged": 0, "removed": 0}
    assert (summary.decoded, summary.tracks) == (15, 8)
    assert summary.failed_share == pytest.approx(1 / 15)


def test_the_index_has_each_tracks_own_audio(music: Path, prepared: tuple[Path, Summary]) -> None:
    library = Library.open(prepared[0])
    assert library.paths == sorted(library.paths, key=lambda p: p.encode() if p[0] != "\\" else b"\xff")
    for row in range(len(library)):
        path = os.path.join(os.fsencode(music), library.column("path_bytes")[row])
        got = library.store.read(row)
        assert np.array_equal(got, decode(path, sample_rate=RATE).samples)
        assert library.track(row).seconds == pytest.approx(len(got) / RATE)
    assert len(set(library.ids.tolist())) == len(library)


def test_tags_become_facts_labels_and_groups(prepared: tuple[Path, Summary]) -> None:
    library = Library.open(prepared[0])
    track = {t.path: t for t in map(library.track, range(len(library)))}
    one = track["album/1.mp3"]
    assert (one.title, one.artist, one.album, one.genre, one.year) == ("Song 1", "Artist 0", "One", "jazz", 1991)
    assert track["retagged.flac"].groups["artist"] == ("Ann", "Bob")
    assert track["m.m4a"].title == "Em"
    assert track["\\xff\n.wav"].title == "\\xff\n"
    assert library.fields["genre"].kind == "multilabel"
    assert library.fields["genre"].classes == ("folk", "jazz", "rock")
    assert library.labels("genre")[library.paths.index("retagged.flac")].tolist() == [1, 0, 1]
    assert library.labels("genre")[library.paths.index("m.m4a")].tolist() == [0, 0, 0]
    assert library.labels("year")[library.paths.index("album/1.mp3")] == 1991
    assert np.isnan(library.labels("year")[library.paths.index("retagged.flac")])


def test_splits_keep_artists_together(prepared: tuple[Path, Summary]) -> None:
    library = Library.open(prepared[0])
    assert (
        sum(len(library.rows(split)) for split in ("train", "valid", "test"))
        == len(library)
        == len(library.rows("all"))
    )
    artists, split = library.group("artist"), np.array(library.column("split"))
    for artist in set(artists.tolist()) - {-1}:
        assert len(set(split[artists == artist])) == 1


def test_stems_are_attached_and_are_no_tracks(prepared: tuple[Path, Summary]) -> None:
    library = Library.open(prepared[0])
    row = library.paths.index("m.m4a")
    assert library.track(row).stems == ("bass", "vocals")
    bass, vocals = library.stems("bass"), library.stems("vocals")
    assert abs(int(bass.lengths[row]) - 1.5 * RATE) < 3
    assert bass.read(row).any()
    assert not vocals.read(row).any()
    assert len(vocals.read(row)) > RATE
    assert sum(bass.lengths > 0) == 1
    with pytest.raises(LibraryError, match=r"'drums'.*It has: bass, vocals"):
        library.stems("drums")


def test_a_second_run_decodes_nothing_and_changes_nothing(music: Path, prepared: tuple[Path, Summary]) -> None:
    out, _ = prepared
    before = Library.open(out)
    shard = shard_path(out, 0).stat().st_mtime_ns
    again = run(music, out)
    after = Library.open(out)
    assert again.decoded == 0
    assert again.changes == {"added": 0, "changed": 0, "unchanged": 15, "removed": 0}
    assert shard_path(out, 0).stat().st_mtime_ns == shard
    assert after.fingerprint == before.fingerprint
    assert after.column("split") == before.column("split")


def test_changed_added_and_removed_files_are_noticed(tmp_path: Path) -> None:
    folder, out = tmp_path / "music", tmp_path / "lib"
    for i in range(4):
        write(folder / f"{i}.wav", tones(1.2, RATE, seed=i), RATE)
    first = run(folder, out)
    fingerprint = Library.open(out).fingerprint
    write(folder / "1.wav", tones(1.3, RATE, seed=20), RATE)
    write(folder / "new.wav", tones(1.2, RATE, seed=21), RATE)
    (folder / "2.wav").unlink()
    second = run(folder, out)
    assert first.decoded == 4
    assert second.changes == {"added": 1, "changed": 1, "unchanged": 2, "removed": 1}
    assert second.decoded == 2
    library = Library.open(out)
    assert library.paths == ["0.wav", "1.wav", "3.wav", "new.wav"]
    assert library.fingerprint != fingerprint
    for row, path in enumerate(library.paths):
        assert np.array_equal(library.store.read(row), decode(folder / path, sample_rate=RATE).samples)


def test_files_that_hang_or_crash_a_decoder_are_ledgered(tmp_path: Path) -> None:
    folder = tmp_path / "music"
    for i, name in enumerate(["a", "hang", "b", "crash", "c"]):
        write(folder / f"{name}.wav", tones(1.2, RATE, seed=i), RATE)
    decoding = Decoding(sample_rate=RATE, workers=2, timeout=6.0)
    summary = prepare(folder, tmp_path / "lib", decoding=decoding, job=decode_or_hang)
    assert summary.verdicts == {"ok": 3, "failed": 2}
    notes = {entry["path"]: entry["note"] for entry in entries(tmp_path / "lib", verdict="failed")}
    assert notes == {"hang.wav": "timed out after 6 s", "crash.wav": "the decoder crashed (signal 11)"}


def test_labels_groups_and_given_splits(tmp_path: Path) -> None:
    folder = tmp_path / "music"
    for i in range(6):
        write(folder / f"{i}.wav", tones(1.2, RATE, seed=i), RATE)
    (folder / "labels.csv").write_text(
        "path,mood,key,tempo,tags,work,artist,split\n"
        "0.wav,calm,C minor,60,a;b,w0,Ann,train\n1.wav,wild,F# major,120,b,w0,Ann,test\n"
        "2.wav,calm,A,90,,w1,Bob,valid\n3,wild,,,c,w2,Cy,train\ngone.wav,calm,C major,1,a,w3,Di,train\n"
    )
    summary = run(folder, tmp_path / "lib", labels=LabelSource(groups=("work",)))
    library = Library.open(tmp_path / "lib")
    assert {name: spec.kind for name, spec in library.fields.items()} == {
        "mood": "multiclass", "key": "key", "tempo": "numeric", "tags": "multilabel",
    }  # fmt: skip
    assert library.labels("mood").tolist() == [0, 1, 0, 1, -1, -1]
    assert library.labels("key").tolist() == [12, 6, 9, -1, -1, -1]
    assert library.labels("tags").tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert np.allclose(library.labels("tempo"), [60, 120, 90, np.nan, np.nan, np.nan], equal_nan=True)
    assert library.column("split") == ["train", "test", "valid", "train", "train", "train"]
    assert library.group("work").tolist() == [0, 0, 1, 2, -1, -1]
    said = "\n".join(summary.lines)
    assert "1 rows fit no file" in said
    assert "1 artists are in more than one of the given splits: artist ann (train, test)" in said
    assert [entry["path"] for entry in entries(tmp_path / "lib", verdict="no file")] == ["gone.wav"]
    labelled = {e["path"]: e["labelled"] for e in entries(tmp_path / "lib", verdict="ok")}
    assert labelled == {"0.wav": True, "1.wav": True, "2.wav": True, "3.wav": True, "4.wav": False, "5.wav": False}


def test_given_splits_are_not_kept_as_made_ones(tmp_path: Path) -> None:
    folder = tmp_path / "music"
    for i in range(12):
        write(folder / f"{i:02d}.wav", tones(1.1, RATE, seed=i), RATE)
    rows = [f"{i:02d}.wav,{('train', 'valid', 'test')[i % 3]}" for i in range(12)]
    (folder / "labels.csv").write_text("\n".join(["path,split", *rows]))
    run(folder, tmp_path / "lib")
    (tmp_path / "lib/dataset.json").write_text("{}")  # as of a published dataset, which the next run is none of
    given = Library.open(tmp_path / "lib").column("split")
    (folder / "labels.csv").unlink()
    run(folder, tmp_path / "lib")
    run(folder, tmp_path / "fresh")
    made = Library.open(tmp_path / "lib")
    assert made.column("split") == Library.open(tmp_path / "fresh").column("split") != given
    assert made.info["split_groups"] != "given"
    assert not (tmp_path / "lib/dataset.json").exists()


def test_one_recording_given_to_two_splits_is_a_warning(tmp_path: Path) -> None:
    for i in range(3):
        write(tmp_path / f"music/{i}.wav", tones(1.2, RATE, seed=i), RATE)
    shutil.copy(tmp_path / "music/0.wav", tmp_path / "music/twin.wav")
    (tmp_path / "music/labels.csv").write_text("path,split\n0,train\n1,valid\n2,test\ntwin,test\n")
    summary = run(tmp_path / "music", tmp_path / "lib")
    assert any("1 recordings are given to two splits" in line for line in summary.lines)
    info = json.loads((tmp_path / "lib/library.json").read_text())
    (tmp_path / "lib/library.json").write_text(json.dumps(info | {"fingerprint": "another"}))
    with pytest.raises(LibraryError, match="of different runs"):
        Library.open(tmp_path / "lib")


def test_splits_by_a_group_of_ones_own(tmp_path: Path) -> None:
    folder, labels = tmp_path / "music", tmp_path / "l.csv"
    for i in range(8):
        write(folder / f"{i}.wav", tones(1.2, RATE, seed=i), RATE)
    labels.write_text("file,song\n" + "".join(f"music/{i}.wav,s{i // 2}\n" for i in range(8)))
    source = LabelSource(file=labels, groups=("song",))
    run(folder, tmp_path / "lib", labels=source, splitting=Splitting(by="song", seed=3))
    library = Library.open(tmp_path / "lib")
    split = library.column("split")
    assert split[::2] == split[1::2]
    assert set(split) == {"train", "valid", "test"}
    with pytest.raises(UserError, match=r"'drummer': is no group .*song"):
        run(folder, tmp_path / "lib", labels=source, splitting=Splitting(by="drummer"))


def test_a_library_beside_the_music_is_not_music(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", tones(1.2, RATE), RATE)
    run(tmp_path, tmp_path / "lib")
    again = run(tmp_path, tmp_path / "lib")
    assert again.changes["added"] == 0
    assert len(Library.open(tmp_path / "lib")) == 1


def test_bad_input_is_told_and_nothing_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"holds no audio.*arrays are taken with --features"):
        run(tmp_path / "empty", tmp_path / "lib")
    assert not (tmp_path / "lib").exists()
    with pytest.raises(UserError, match="is not a folder"):
        run(tmp_path / "none", tmp_path / "lib")
    (tmp_path / "file").write_text("")
    write(tmp_path / "music/a.wav", tones(1.2, RATE), RATE)
    with pytest.raises(StorageError, match="cannot be written"):
        run(tmp_path / "music", tmp_path / "file")
    with pytest.raises(UserError, match="is the folder of music itself"):
        run(tmp_path / "music", tmp_path / "music")
    assert [path.name for path in (tmp_path / "music").iterdir()] == ["a.wav"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other/precious.txt").write_text("")
    with pytest.raises(UserError, match="holds something else than a library"):
        run(tmp_path / "music", tmp_path / "other")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["precious.txt"]
    with pytest.raises(UserError, match="is a name that is not UTF-8"):
        run(tmp_path / "music", tmp_path / os.fsdecode(b"\xff"))
    with pytest.raises(LibraryError, match="is a file"):
        Library.open(tmp_path / "file")
    with pytest.raises(UserError, match="is no group of this library"):
        run(tmp_path / "music", tmp_path / "lib", splitting=Splitting(by="drummer"))
    assert not (tmp_path / "lib").exists()
    with pytest.raises(UserError, match="there is no labels file"):
        run(tmp_path / "music", tmp_path / "lib", labels=LabelSource(groups=("x",)))
    with pytest.raises(LibraryError, match="is not a finished library"):
        Library.open(tmp_path / "empty")


def test_a_folder_whose_name_is_no_text_is_read(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", tones(1.2, RATE), RATE)
    os.mkdir(os.path.join(os.fsencode(tmp_path), b"\xff\n"))
    os.rename(tmp_path / "a.wav", tmp_path / os.fsdecode(b"\xff\n/a.wav"))
    assert run(tmp_path / os.fsdecode(b"\xff\n"), tmp_path / "lib").tracks == 1


def test_only_broken_files_leave_a_ledger_that_says_why(tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"music{i}.mp3").write_bytes(b"no" * 50 * i)
    with pytest.raises(ContramuseError, match="none of the 3 files can be used"):
        run(tmp_path, tmp_path / "lib")
    assert counts(tmp_path / "lib") == {"failed": 3}


def test_a_full_disk_keeps_what_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from contramuse.audio.store import ShardWriter

    for i in range(4):
        write(tmp_path / f"music/{i}.wav", tones(1.2, RATE, seed=i), RATE)
    real, written = ShardWriter.append, []

    def append(self: ShardWriter, clip: bytes) -> tuple[int, int]:
        if len(written) == 2:
            raise StorageError("No space left on device", name="library", fix="Free some.")
        written.append(clip)
        return real(self, clip)

    monkeypatch.setattr(ShardWriter, "append", append)
    with pytest.raises(StorageError, match="No space left"):
        run(tmp_path / "music", tmp_path / "lib")
    monkeypatch.undo()
    summary = run(tmp_path / "music", tmp_path / "lib")
    assert (summary.decoded, summary.tracks) == (2, 4)


def cli(*arguments: object) -> tuple[int, str]:
    from contramuse.cli import app

    result = CliRunner().invoke(app, [str(a) for a in arguments])
    error = result.exception
    return getattr(error, "exit_status", result.exit_code), result.output + str(error or "")


def test_the_commands(music: Path, tmp_path: Path) -> None:
    status, text = cli("prepare", music, "-o", tmp_path / "lib", "--rate", RATE, "--workers", 1, "--max-failed", 0.5)
    assert status == 0, text
    assert "10 ok, 1 failed, 1 too short, 1 silent, 2 duplicate" in text
    assert "tracks     8" in text
    status, text = cli("prepare", music, "-o", tmp_path / "lib", "--rate", RATE, "--max-failed", 0.01)
    assert status == 1
    assert "1 of 15 files failed" in text
    status, text = cli("prepare", music, "-o", tmp_path / "lib", "--rate", 16000)
    assert status == 2
    assert "prepared with rate = 8000" in text
    status, text = cli("ledger", tmp_path / "lib", "--verdict", "failed")
    assert status == 0
    assert "broken.mp3" in text
    status, text = cli("ledger", tmp_path / "lib", "--json")
    assert len([json.loads(line) for line in text.splitlines()]) == 15
    status, text = cli("ledger", tmp_path / "lib")
    assert "0 copy.mp3" in text
    assert all(line.startswith(("10 ok", "failed", "too short", "silent", "duplicate")) for line in text.splitlines())
    assert cli("ledger", tmp_path / "lib", "--verdict", "odd")[0] == 2
    assert cli("ledger", tmp_path)[0] == 2
    assert cli("prepare", music, "-o", tmp_path / "x", "--field", "genre")[0] == 2
