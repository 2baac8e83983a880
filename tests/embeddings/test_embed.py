"""Embedding libraries and files: the right vectors, provenance, going on after an interruption, and no mixing."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from contramuse.checkpoint.model import load
from contramuse.embeddings import Embeddings, embed_files, embed_library, find_files, writer
from contramuse.embeddings.store import corrupted_by
from contramuse.errors import EmbeddingsError, LibraryError, StorageError, UserError
from minilibrary import write_library
from minimodel import make_model, write_tone


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load(make_model(tmp_path_factory.mktemp("models") / "model"))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return write_library(tmp_path_factory.mktemp("library"), tracks=10)


def test_a_library_gives_one_row_per_track_in_its_order(model, library, tmp_path):
    summary = embed_library(model, library, tmp_path / "out")
    assert (summary.tracks, summary.kept, summary.failed) == (10, 0, [])
    assert summary.seconds == pytest.approx(40.0)
    found = Embeddings.open(tmp_path / "out")
    assert len(found) == 10
    assert found.ids.tolist() == library.ids.tolist()
    assert found.paths.tolist() == library.paths
    assert found.titles[3] == "Tune 3"
    assert found.artists[3] == "Artist 3"
    assert found.splits.tolist() == library.column("split")
    assert found.seconds.tolist() == [4.0] * 10
    assert found.column("count").tolist() == [3] * 10  # 1.5, 1.5, and the last one aligned to the end
    for row in range(10):
        samples = library.store.read(row).astype(np.float32) / 32768
        np.testing.assert_allclose(found.vectors[row], model.embed(samples)[0], atol=1e-5)
        np.testing.assert_array_equal(Embeddings.open(tmp_path / "out").vector(row), found.vectors[row])


def test_provenance_is_in_the_json_and_in_every_part(model, library, tmp_path):
    embed_library(model, library, tmp_path / "out", hop=0.75)
    meta = json.loads((tmp_path / "out" / "embeddings.json").read_text())
    part = json.loads(pq.read_schema(tmp_path / "out" / "part-00000.parquet").metadata[b"contramuse"])
    wanted = {
        "model_hash": model.model_hash, "recipe_hash": model.info["recipe_hash"], "dim": 64, "hop": 0.75, "window": 1.5,
        "library_root": str(library.root), "library_fingerprint": library.fingerprint, "model_path": str(model.path),
    }  # fmt: skip
    for name, value in wanted.items():
        assert meta[name] == value
        assert part[name] == value
    assert meta["preprocessing_hash"] != model.preprocessing_hash  # another hop
    assert meta["complete"]
    assert (meta["tracks"], meta["seconds"]) == (10, 40.0)


def test_windows_are_kept_on_request(model, library, tmp_path):
    embed_library(model, library, tmp_path / "out", keep="windows", hop=0.5)
    found = Embeddings.open(tmp_path / "out")
    for row in (0, 9):
        windows = found.windows(row)
        assert windows.shape == (6, 64)
        np.testing.assert_allclose(windows.mean(0), found.vectors[row], atol=1e-5)
    with pytest.raises(IndexError):
        found.windows(10)
    embed_library(model, library, tmp_path / "plain")
    with pytest.raises(EmbeddingsError, match="hold no windows"):
        Embeddings.open(tmp_path / "plain").windows(0)


def test_float16_halves_the_numbers_and_is_read_as_float32(model, library, tmp_path):
    embed_library(model, library, tmp_path / "a")
    embed_library(model, library, tmp_path / "b", dtype="float16")
    full, half = Embeddings.open(tmp_path / "a").vectors, Embeddings.open(tmp_path / "b").vectors
    assert half.dtype == np.float32
    np.testing.assert_array_equal(half, full.astype(np.float16).astype(np.float32))


def test_the_same_file_gives_the_same_vector_alone_among_others_and_in_a_library(model, tmp_path):
    """Whatever the batch, the neighbours and the part it falls into."""
    for i, seconds in enumerate((0.4, 3.0, 7.3, 1.5)):
        write_tone(tmp_path / "music" / f"{i}.flac", seconds=seconds, seed=i, sample_rate=32000)
    files = find_files([tmp_path / "music"])
    alone = np.concatenate([model.embed(os.fsdecode(f)) for f in files])
    for batch, order in ((1, 1), (5, -1), (64, 1)):
        out = tmp_path / f"out{batch}"
        embed_files(model, files[::order], out, batch=batch)
        np.testing.assert_allclose(Embeddings.open(out).vectors[::order], alone, atol=1e-5)


def test_broken_files_are_listed_and_the_rest_goes_on(model, tmp_path):
    music = tmp_path / "music"
    write_tone(music / "good.wav", seconds=2.0)
    write_tone(music / "ünï ço\ndé.flac", seconds=2.0, seed=1)
    (music / "bad.mp3").write_bytes(b"\x00" * 5000)
    (music / "empty.ogg").write_bytes(b"")
    (music / "notes.txt").write_text("no audio")
    raw = os.path.join(os.fsencode(music), b"not utf8 \xff.wav")
    with open(music / "good.wav", "rb") as source, open(raw, "wb") as target:
        target.write(source.read())
    seen = []
    files = [*find_files([music]), tmp_path / "nowhere.wav"]
    summary = embed_files(model, files, tmp_path / "out", advance=lambda n, s: seen.append((n, s)))
    assert summary.tracks == 3
    assert sorted(os.path.basename(path) for path, _ in summary.failed) == ["bad.mp3", "empty.ogg", "nowhere.wav"]
    assert sum(n for n, _ in seen) == 6
    found = Embeddings.open(tmp_path / "out")
    assert sorted(os.path.basename(p) for p in found.paths) == ["good.wav", "not utf8 \\xff.wav", "ünï ço\ndé.flac"]
    assert {item["path"] for item in found.meta["failed"]} == {path for path, _ in summary.failed}
    again = embed_files(model, files, tmp_path / "out")
    assert (again.tracks, again.kept, len(again.failed)) == (0, 3, 3)


def test_only_what_is_new_is_embedded_and_a_changed_file_replaces_its_row(model, tmp_path):
    a, b, c = (tmp_path / f"{name}.wav" for name in "abc")
    for seed, file in enumerate((a, b)):
        write_tone(file, seconds=2.0, seed=seed)
    embed_files(model, [a, b], tmp_path / "out")
    write_tone(b, seconds=3.0, seed=7)
    write_tone(c, seconds=2.0, seed=8)
    summary = embed_files(model, [a, b, c], tmp_path / "out")
    assert (summary.tracks, summary.kept) == (2, 1)
    found = Embeddings.open(tmp_path / "out")
    assert sorted(found.paths.tolist()) == [str(a), str(b), str(c)]
    place = found.paths.tolist().index(str(b))
    assert found.seconds[place] == 3.0
    np.testing.assert_allclose(found.vectors[place], model.embed(b)[0], atol=1e-5)
    assert (found.meta["tracks"], found.meta["seconds"]) == (3, 7.0)


def test_a_library_that_changed_is_followed(model, tmp_path):
    """Removed tracks go, new ones come, splits are those of now; nothing that is known is embedded again."""
    library = write_library(tmp_path / "library", tracks=6)
    embed_library(model, library, tmp_path / "out")
    before = Embeddings.open(tmp_path / "out").vectors
    table = pq.read_table(library.root / "index.parquet").slice(2).to_pylist()
    table[0]["split"], table[1]["title"] = "test", "Renamed"
    table[-1]["id"] = "new" + table[-1]["id"][3:]
    import pyarrow as pa

    pq.write_table(pa.Table.from_pylist(table, library._table.schema), library.root / "index.parquet")
    info = json.loads((library.root / "library.json").read_text())
    (library.root / "library.json").write_text(json.dumps({**info, "fingerprint": "changed"}))
    summary = embed_library(model, library.root, tmp_path / "out")
    assert (summary.tracks, summary.kept) == (1, 3)
    found = Embeddings.open(tmp_path / "out")
    assert found.ids.tolist() == [row["id"] for row in table]
    assert (found.splits[0], found.titles[1]) == ("test", "Renamed")
    assert found.meta["library_fingerprint"] == "changed"
    np.testing.assert_allclose(found.vectors, before[2:], atol=1e-5)


def test_embeddings_of_another_model_preprocessing_or_music_do_not_mix(model, library, tmp_path):
    out = tmp_path / "out"
    embed_library(model, library, out)
    before = sorted((p.name, p.stat().st_mtime_ns) for p in out.iterdir())
    for other, settings in ((model.randomised(1), {}), (model, {"hop": 0.5}), (model, {"dtype": "float16"})):
        with pytest.raises(EmbeddingsError, match="another model or preprocessing"):
            embed_library(other, library, out, **settings)
    write_tone(tmp_path / "a.wav", seconds=2.0)
    with pytest.raises(EmbeddingsError, match="holds embeddings of"):
        embed_files(model, [tmp_path / "a.wav"], out)
    assert sorted((p.name, p.stat().st_mtime_ns) for p in out.iterdir()) == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("precious")
    with pytest.raises(EmbeddingsError, match="holds no embeddings"):
        embed_library(model, library, tmp_path / "full")


def test_a_part_of_another_model_is_refused_when_opened(model, library, tmp_path):
    embed_library(model, library, tmp_path / "a")
    embed_library(model.randomised(1), library, tmp_path / "b")
    (tmp_path / "b" / "part-00000.parquet").rename(tmp_path / "a" / "part-00001.parquet")
    with pytest.raises(EmbeddingsError, match="belongs to other embeddings"):
        Embeddings.open(tmp_path / "a")


def test_a_library_at_another_rate_is_refused(model, tmp_path):
    other = write_library(tmp_path / "library", tracks=2, sample_rate=16000)
    with pytest.raises(LibraryError, match="16000 Hz, the model wants 22050 Hz"):
        embed_library(model, other, tmp_path / "out")


@pytest.mark.parametrize(
    "settings",
    [{"hop": 0.0}, {"window": -1.0}, {"hop": float("nan")}, {"dtype": "int8"}, {"batch": 0}, {"keep": "all"}],
)
def test_settings_out_of_range(model, library, tmp_path, settings):
    with pytest.raises(UserError):
        embed_library(model, library, tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written(model, library, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises((StorageError, EmbeddingsError)):
        embed_library(model, library, tmp_path / "file" / "out")
    with pytest.raises(EmbeddingsError, match="holds no embeddings"):
        embed_library(model, library, tmp_path / "file")


def test_damaged_embeddings_are_told(model, library, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(EmbeddingsError, match="is missing"):
        Embeddings.open(out)
    embed_library(model, library, out)
    part = out / "part-00000.parquet"
    whole = part.read_bytes()
    part.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EmbeddingsError, match="cannot be read as Parquet"):
        Embeddings.open(out)
    part.unlink()
    with pytest.raises(EmbeddingsError, match="hold 0 of 10 tracks: parts are missing"):
        Embeddings.open(out)
    summary = embed_library(model, library, out)
    assert summary.tracks == 10
    meta = json.loads((out / "embeddings.json").read_text())
    for change, problem in (({"version": 9}, "format version 9"), ({"format": "x"}, "not written by")):
        (out / "embeddings.json").write_text(json.dumps({**meta, **change}))
        with pytest.raises(EmbeddingsError, match=problem):
            Embeddings.open(out)
    (out / "embeddings.json").write_text("[")
    with pytest.raises(EmbeddingsError, match="not valid JSON"):
        Embeddings.open(out)


def test_many_parts_read_as_one(model, library, tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "PART_ROWS", 3)
    embed_library(model, library, tmp_path / "out")
    assert len(list((tmp_path / "out").glob("part-*"))) == 4
    found = Embeddings.open(tmp_path / "out")
    assert found.ids.tolist() == library.ids.tolist()
    vectors = found.vectors
    np.testing.assert_array_equal(np.concatenate(list(found.batches(rows=2))), vectors)
    np.testing.assert_array_equal(Embeddings.open(tmp_path / "out").vector(7), vectors[7])


def test_a_run_that_is_killed_goes_on_where_it_was(model, library, tmp_path):
    """kill -9 in the middle: finished parts stay, the folder is not complete, the next run does the rest."""
    code = f"""
import time
from contramuse.checkpoint.model import load
from contramuse.embeddings import embed_library, writer
writer.PART_ROWS = 2
embed_library(load({str(model.path)!r}), {str(library.root)!r}, {str(tmp_path / "out")!r}, batch=1,
              advance=lambda n, s: time.sleep(0.1))
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    due = time.monotonic() + 60
    while not (tmp_path / "out" / "part-00001.parquet").exists() and time.monotonic() < due:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with pytest.raises(EmbeddingsError, match="not finished"):
        Embeddings.open(tmp_path / "out")
    there = len(Embeddings.open(tmp_path / "out", incomplete="allow"))
    assert 4 <= there < 10
    summary = embed_library(model, library, tmp_path / "out")
    assert (summary.kept, summary.tracks) == (there, 10 - there)
    whole = tmp_path / "whole"
    embed_library(model, library, whole)
    found, wanted = Embeddings.open(tmp_path / "out"), Embeddings.open(whole)
    assert found.ids.tolist() == wanted.ids.tolist()
    np.testing.assert_allclose(found.vectors, wanted.vectors, atol=1e-5)


def test_corrupted_embeddings_say_so_and_do_not_mix_with_clean_ones(model, library, tmp_path):
    corrupt = ("semisupcon severity=3", "reverse")
    embed_library(model, library, tmp_path / "clean")
    embed_library(model, library, tmp_path / "out", corrupt=corrupt, batch=3)
    found = Embeddings.open(tmp_path / "out")
    assert corrupted_by(found.meta) == "semisupcon severity=3.0, reverse"
    assert corrupted_by(Embeddings.open(tmp_path / "clean").meta) == ""
    steps = found.meta["preprocessing"]["corrupt"]
    assert [step["kind"] for step in steps] == ["semisupcon", "corruption"]
    assert found.meta["preprocessing_hash"] != model.preprocessing_hash
    assert not np.allclose(found.vectors, Embeddings.open(tmp_path / "clean").vectors, atol=1e-3)
    for other in ((), ("reverse",)):
        with pytest.raises(EmbeddingsError, match=r"corrupted by semisupcon severity=3.0, reverse there"):
            embed_library(model, library, tmp_path / "out", corrupt=other)
    embed_library(model, library, tmp_path / "again", corrupt=corrupt, batch=16)
    np.testing.assert_allclose(Embeddings.open(tmp_path / "again").vectors, found.vectors, atol=1e-4)
    assert embed_library(model, library, tmp_path / "out", corrupt=corrupt).kept == len(library)


def test_a_track_that_breaks_off_does_not_stop_a_corrupted_run(model, tmp_path):
    write_tone(tmp_path / "music" / "good.wav", seconds=4.0)
    whole = (tmp_path / "music" / "good.wav").read_bytes()
    (tmp_path / "music" / "bad.wav").write_bytes(b"RIFF" + whole[4:40])
    summary = embed_files(model, find_files([tmp_path / "music"]), tmp_path / "out", corrupt=["reverse"])
    assert (summary.tracks, len(summary.failed)) == (1, 1)
