"""embed, search, push and pull as a user runs them: output, exit status, no traceback for a mistake."""

import json
import multiprocessing
import sys

import numpy as np
import pytest

from contramuse.checkpoint.model import load
from contramuse.embeddings import Embeddings, embed_library
from contramuse.search import Index
from minilibrary import write_library
from minimodel import make_model, write_tone


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    write_library(root / "library", tracks=8, seconds=2.0)
    make_model(root / "run" / "model")
    return root


def test_embed_then_search(run, world, tmp_path):
    out = tmp_path / "out"
    status, text, _ = run("embed", world / "run", world / "library", "-o", out)
    assert status == 0
    assert "8 tracks" in text
    status, text, _ = run("embed", world / "run", world / "library", "-o", out)
    assert status == 0
    assert "8 were there before" in text
    status, text, _ = run("search", out, "Tune 3", "-k", "3", "--where", "artist!=@query")
    assert status == 0
    assert "Most similar to Artist 3 - Tune 3" in text
    assert len(text.splitlines()) == 5
    status, text, _ = run("search", out, "Tune 3", "--json", "--where", "split=valid", "--where", "tempo>60")
    answer = json.loads(text)
    assert answer["query"]["title"] == "Tune 3"
    assert answer["index"]["recall_at_10"] == 1.0
    assert [hit["path"] for hit in answer["results"]] != []
    assert {hit["path"] for hit in answer["results"]} <= {"002.wav", "005.wav"}
    status, text, _ = run("search", out, "Tune 3", "--where", "seconds>1000")
    assert (status, "No track meets the conditions" in text) == (0, True)


def test_embed_says_which_files_failed_and_exits_with_1(run, world, tmp_path):
    write_tone(tmp_path / "music" / "-good.wav", seconds=2.0)
    (tmp_path / "music" / "bad.flac").write_bytes(b"fLaC" + b"\x00" * 100)
    status, text, _ = run("embed", world / "run", tmp_path / "music", "-o", tmp_path / "out", "--dtype", "float16")
    assert status == 1
    assert "1 tracks" in text
    assert "1 failed" in text
    assert "bad.flac" in text
    assert len(Embeddings.open(tmp_path / "out")) == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["embed", "{world}/nothing", "{world}/library", "-o", "{tmp}/out"], "no such folder"),
        (["embed", "{world}/library", "{world}/library", "-o", "{tmp}/out"], "is missing"),
        (["embed", "{world}/run", "{world}/library", "{world}/run", "-o", "{tmp}/out"], "one library at a time"),
        (["embed", "{world}/run", "{world}/nowhere", "-o", "{tmp}/out"], "no such file or folder"),
        (["embed", "{world}/run", "{world}/library", "-o", "{tmp}/\udcff"], "is a name that is not UTF-8"),
        (["embed", "{world}/run", "{world}/run", "-o", "{tmp}/out"], "holds no audio files"),
        (["embed", "{world}/run", "{world}/library", "-o", "{tmp}/out", "--hop", "0"], "out of range"),
        (["embed", "{world}/run", "{world}/library", "-o", "{tmp}/out", "--device", "tpu9"], "cannot be used"),
        (["search", "{world}/run", "x"], "is missing"),
        (["search", "{world}/run", "x", "-k", "0"], "at least 1"),
        (["push", "{world}/run", "nameless"], "is not a hub id"),
        (["push", "{world}/library", "a/b"], "is missing"),
    ],
)
def test_a_mistake_is_one_message_and_status_2(run, world, tmp_path, arguments, problem):
    status, _, err = run(*(a.format(world=world, tmp=tmp_path) for a in arguments))
    assert status == 2
    assert problem in err
    assert len(err.strip().splitlines()) == 1


def _search_in_child(folder, sender):
    index = Index.open(Embeddings.open(folder))
    sender.send(index.query(np.ones(64, np.float32), 3)[0].tolist())


@pytest.mark.skipif(sys.platform != "linux", reason="fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_searches_after_its_parent_did(world, tmp_path):
    """An OpenMP pool that a search left behind would hang the child's first search."""
    embed_library(load(world / "run"), world / "library", tmp_path / "out")
    index = Index.open(Embeddings.open(tmp_path / "out"))
    wanted = index.query(np.ones(64, np.float32), 3)[0].tolist()
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_search_in_child, args=(tmp_path / "out", sender))
    child.start()
    try:
        assert receiver.poll(60), "the child hangs"
        assert receiver.recv() == wanted
    finally:
        child.kill()
        child.join()
