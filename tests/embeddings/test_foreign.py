"""Other programs' vectors as embeddings of a library: joined, written, probed and searched."""

import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from contramuse.catalogue.library import Library
from contramuse.cli import app
from contramuse.embeddings import Embeddings, from_callable, import_vectors
from contramuse.embeddings.foreign import join
from contramuse.errors import EmbeddingsError, UserError
from minilibrary import write_library

TRACKS = 30


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return write_library(tmp_path_factory.mktemp("library"), tracks=TRACKS, seconds=0.5, sample_rate=8000)


@pytest.fixture(scope="module")
def vectors():
    """Calm and lively tracks lie on two sides, so that a probe finds them."""
    rng = np.random.default_rng(0)
    side = np.where(np.arange(TRACKS) % 2, 1.0, -1.0)
    return (rng.normal(size=(TRACKS, 6)) * 0.3 + side[:, None]).astype(np.float32)


def table(path, names, vectors, **more):
    pq.write_table(pa.table({"path": pa.array(names), "vector": vectors.tolist(), **more}), path)
    return path


def test_ways_of_joining():
    ids, paths = ["aa11", "bb22", "cc33", "dd44", "ee55"], ["x/1.mp3", "x/2.mp3", "y/3.flac", "z/4.mp3", "w/4.mp3"]
    found = join(["BB22", "x/1.mp3", "/home/me/music/y/3.flac", "other/4.mp3", "9.mp3"], ids, paths)
    assert found.rows == {"BB22": 1, "x/1.mp3": 0, "/home/me/music/y/3.flac": 2}
    assert (found.ambiguous, found.unknown) == (["other/4.mp3"], ["9.mp3"])
    assert found.ways == {"id": 1, "path": 2}
    named = join(["1.mp3", "3.wav", "w\\4.mp3"], ids, paths)
    assert named.rows == {"1.mp3": 0, "3.wav": 2, "w\\4.mp3": 4}
    assert named.ways == {"file name": 1, "name without its ending": 1, "path": 1}


def test_a_name_never_takes_a_track_that_another_fits_better():
    paths = ["x/1.mp3", "y/1.mp3"]
    assert join(["x/1.mp3", "z/1.mp3"], ["a", "b"], paths).rows == {"x/1.mp3": 0, "z/1.mp3": 1}
    found = join(["p/1.mp3", "q/1.mp3"], ["a"], ["x/1.mp3"])
    assert (found.rows, found.ambiguous) == ({}, ["p/1.mp3", "q/1.mp3"])
    found = join(["a", "x/1.mp3"], ["a"], ["x/1.mp3"])
    assert (found.rows, found.ambiguous) == ({"a": 0}, ["x/1.mp3"])


def test_written_as_ours(library, vectors, tmp_path):
    file = table(tmp_path / "clap.parquet", library.paths, vectors)
    made = import_vectors(file, library, tmp_path / "emb", name="CLAP")
    opened = Embeddings.open(tmp_path / "emb")
    assert (made.tracks, made.dim, made.without, made.failed) == (TRACKS, 6, [], [])
    assert np.array_equal(opened.vectors, vectors)
    assert opened.ids.tolist() == library.ids.tolist()
    assert np.allclose(opened.seconds, 0.5)
    assert opened.meta["foreign"]["name"] == "CLAP"
    assert opened.meta["foreign"]["file"] == "clap.parquet"
    assert len(opened.meta["foreign"]["sha256"]) == 64
    assert opened.meta["library_fingerprint"] == library.fingerprint


def test_what_does_not_join_is_listed(library, vectors, tmp_path):
    names = [*library.paths[:20], "unknown.mp3"]
    broken = vectors[:21].copy()
    broken[3, 2] = np.nan
    made = import_vectors(table(tmp_path / "x.parquet", names, broken), library, tmp_path / "emb")
    assert made.joined.unknown == ["unknown.mp3"]
    assert made.without == library.paths[20:]
    assert [path for path, _ in made.failed] == [library.paths[3]]
    assert len(Embeddings.open(tmp_path / "emb")) == 19
    assert json.loads((tmp_path / "emb" / "embeddings.json").read_text())["failed"][0]["path"] == library.paths[3]
    with pytest.raises(UserError, match="names no track"):
        import_vectors(table(tmp_path / "y.parquet", ["p", "q"], vectors[:2]), library, tmp_path / "other")


def test_rows_of_one_track_are_its_windows(library, vectors, tmp_path):
    names = [path for path in library.paths for _ in range(3)]
    rows = np.repeat(vectors, 3, axis=0) + np.tile([[-1.0], [0.0], [1.0]], (TRACKS, 1)).astype(np.float32)
    import_vectors(table(tmp_path / "x.parquet", names, rows), library, tmp_path / "emb", keep="windows")
    opened = Embeddings.open(tmp_path / "emb")
    assert np.allclose(opened.vectors, vectors, atol=1e-5)
    assert opened.column("count").tolist() == [3] * TRACKS
    assert np.allclose(opened.windows(4), rows[12:15])


def test_again_and_other_vectors(library, vectors, tmp_path):
    file = table(tmp_path / "x.parquet", library.paths, vectors)
    import_vectors(file, library, tmp_path / "emb")
    again = import_vectors(file, library, tmp_path / "emb")
    assert (again.kept, again.tracks) == (TRACKS, TRACKS)
    with pytest.raises(EmbeddingsError, match="other model"):
        import_vectors(table(tmp_path / "x.parquet", library.paths, vectors + 1), library, tmp_path / "emb")


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_probe_search_and_words(library, vectors, tmp_path):
    file, out = table(tmp_path / "clap.parquet", library.paths, vectors), tmp_path / "emb"
    done = run("import", "vectors", file, "--data", library.root, "-o", out, "--name", "CLAP")
    assert done.exit_code == 0, done.output
    assert f"{TRACKS} tracks with a vector of 6 numbers (vector, named by path)" in done.output
    assert f"joined: {TRACKS} by path" in done.output
    arguments = ["--task", "genre", "--probe", "linear", "--protocol", "folds", "--folds", "3", "--seeds", "1"]
    done = run("probe", out, *arguments, "--resamples", "100", "--json", tmp_path / "p.json")
    assert done.exit_code == 0, done.output
    results = json.loads((tmp_path / "p.json").read_text())
    assert [s["name"] for s in results["systems"]] == ["CLAP", "MFCC statistics", "mean log-mel"]
    assert results["systems"][0]["foreign"]["file"] == "clap.parquet"
    assert any("CLAP was made elsewhere" in sentence for sentence in results["words"])
    accuracy = [r for r in results["tasks"][0]["results"] if r["system"] == "CLAP" and r["metric"] == "accuracy"]
    assert accuracy[0]["value"] > 0.9
    found = run("search", out, library.paths[0], "-k", "3", "--json")
    assert found.exit_code == 0, found.output
    (tmp_path / "new.wav").write_bytes(b"RIFF")
    refused = run("search", out, tmp_path / "new.wav")
    assert isinstance(refused.exception, EmbeddingsError)
    assert "another program (CLAP)" in str(refused.exception)


def spectrum(x, rate):
    return np.log1p(np.abs(np.fft.rfft(x, 512)))[:20] * rate / rate


def test_a_function(library, tmp_path):
    made = from_callable(spectrum, library, tmp_path / "emb")
    opened = Embeddings.open(tmp_path / "emb")
    assert (made.tracks, made.failed, opened.dim) == (TRACKS, [], 20)
    x = library.store.read(2).astype(np.float32) / 32768
    assert np.allclose(opened.vectors[2], spectrum(x, 8000), atol=1e-6)
    assert opened.meta["foreign"]["function"].endswith(":spectrum")


def test_windows_rate_and_what_fails(library, tmp_path):
    lengths, calls = [], [0]

    def fickle(x, rate):
        calls[0] += 1
        lengths.append((len(x), rate, x.dtype.name))
        if calls[0] == 1:
            raise RuntimeError("no GPU")
        shape = {2: (2, 5), 3: (7,), 4: (0, 5), 5: (1, 2, 3)}.get(calls[0], (2, 5))
        return np.full(shape, np.nan if calls[0] == 6 else calls[0])

    made = from_callable(fickle, library, tmp_path / "emb", sample_rate=16000, keep="windows", name="fickle")
    assert set(lengths) == {(8000, 16000, "float32")}
    reasons = [reason for _, reason in made.failed]
    assert [reason.split(":")[0] for reason in reasons] == ["RuntimeError"] + ["ValueError"] * 4
    assert "7 numbers, 5 before" in reasons[1]
    assert "shape [0, 5]" in reasons[2]
    assert "not finite" in reasons[4]
    opened = Embeddings.open(tmp_path / "emb")
    assert (len(opened), opened.column("count")[0]) == (TRACKS - 5, 2)
    # Failed tracks are tried again, finished ones are not.
    again = from_callable(fickle, library, tmp_path / "emb", sample_rate=16000, keep="windows", name="fickle")
    assert (again.kept, again.tracks, again.failed) == (TRACKS - 5, 5, [])


def test_another_version_does_not_mix(library, tmp_path):
    from_callable(spectrum, library, tmp_path / "emb", version="1")
    with pytest.raises(EmbeddingsError, match="other model"):
        from_callable(spectrum, library, tmp_path / "emb", version="2")


def test_a_function_that_never_works(library, tmp_path):
    def broken(x, rate):
        raise KeyError("weights")

    with pytest.raises(EmbeddingsError, match="no vector for any track"):
        from_callable(broken, library, tmp_path / "emb")
    assert not (tmp_path / "emb").exists()


def test_the_command_runs_a_function_of_the_users(library, tmp_path, monkeypatch):
    (tmp_path / "my_own_model.py").write_text(
        "def embed(x, rate):\n    return [float(x.mean()), float(x.std()), rate]\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    done = run("import", "callable", "my_own_model:embed", "--data", library.root, "-o", "emb", "--sample-rate", 4000)
    assert done.exit_code == 0, done.output
    assert Embeddings.open(tmp_path / "emb").vectors[0, 2] == 4000
    for text, problem in (
        ("my_own_model", "no function"),
        ("absent_one:f", "cannot be imported"),
        ("my_own_model:g", "not in"),
    ):
        refused = run("import", "callable", text, "--data", library.root, "-o", "other")
        assert isinstance(refused.exception, UserError)
        assert problem in str(refused.exception)


def test_opened_libraries_and_folders_are_alike(library, vectors, tmp_path):
    file = table(tmp_path / "x.parquet", library.paths, vectors)
    assert import_vectors(file, library.root, tmp_path / "emb").tracks == len(Library.open(library.root))


def test_a_library_that_changed(vectors, tmp_path):
    """Tracks that left are dropped, new ones come, what stayed is kept; for files and for functions."""
    small = write_library(tmp_path / "library", tracks=10, seconds=0.2, sample_rate=8000)
    import_vectors(table(tmp_path / "x.parquet", small.ids.tolist(), vectors[:10]), small, tmp_path / "a")
    from_callable(spectrum, small, tmp_path / "b")
    index = pq.read_table(small.root / "index.parquet").slice(2)
    pq.write_table(index, small.root / "index.parquet")
    info = json.loads((small.root / "library.json").read_text())
    (small.root / "library.json").write_text(json.dumps({**info, "fingerprint": "other"}))
    fewer = Library.open(small.root)
    assert import_vectors(tmp_path / "x.parquet", fewer, tmp_path / "a").kept == 8
    assert from_callable(spectrum, fewer, tmp_path / "b").kept == 8
    for out in ("a", "b"):
        opened = Embeddings.open(tmp_path / out)
        assert opened.ids.tolist() == fewer.ids.tolist()
        assert opened.meta["library_fingerprint"] == "other"
