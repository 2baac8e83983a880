"""A library of stored mels embeds as its windows do, and only by a model of stored mels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import contramuse
from contramuse.catalogue.decoding import Decoding
from contramuse.catalogue.library import Library
from contramuse.catalogue.prepare import prepare
from contramuse.embeddings.library import embed_library
from contramuse.embeddings.store import Embeddings
from contramuse.errors import LibraryError
from contramuse.probes.baselines import library_statistics
from minilibrary import write_library
from minimodel import make_model, write_tone

STORED = (
    "sample_rate=62", "views.audio.take.seconds=1.6", "embed.window=1.6", "embed.hop=1.6",
    "towers.audio.frontend={kind: stored, bands: 48, transform: melon}",
)  # fmt: skip


def test_vectors_of_stored_mels_are_the_mean_over_windows(tmp_path: Path) -> None:
    (tmp_path / "mels").mkdir()
    for i in range(3):
        np.save(tmp_path / f"mels/{i}.npy", np.random.default_rng(i).uniform(-80, 0, (48, 200 + 60 * i)))
    prepare(tmp_path / "mels", tmp_path / "lib", decoding=Decoding(sample_rate=62, frame_rate=62.5, workers=1))
    library = Library.open(tmp_path / "lib")
    model = contramuse.load(make_model(tmp_path / "model", overrides=STORED))
    summary = embed_library(model, library, tmp_path / "emb")
    assert (summary.tracks, summary.failed) == (3, [])
    vectors = Embeddings.open(tmp_path / "emb").vectors
    window = 99  # of 62 frames per second
    for row in range(3):
        frames = int(library.store.lengths[row])
        starts = list(range(0, frames - window + 1, window))
        if 2 * (frames - starts[-1] - window) >= window:
            starts.append(frames - window)
        x = torch.from_numpy(library.store.gather([row] * len(starts), starts, window))
        expected = model.represent(x).mean(0).numpy()
        assert vectors[row] == pytest.approx(expected, abs=1e-5)
    audio = contramuse.load(make_model(tmp_path / "audio", overrides=["sample_rate=62"]))
    with pytest.raises(LibraryError, match="holds stored features, the model wants audio"):
        embed_library(audio, library, tmp_path / "no")
    with pytest.raises(LibraryError, match="holds stored features, the model wants audio"):  # and not: has 62 Hz
        embed_library(contramuse.load(make_model(tmp_path / "usual")), library, tmp_path / "no")
    sound = write_library(tmp_path / "sound", tracks=2, seconds=3.0, sample_rate=62)
    with pytest.raises(LibraryError, match="holds audio, the model wants stored features"):
        embed_library(model, sound, tmp_path / "no")
    with pytest.raises(LibraryError, match="MFCC need audio"):
        library_statistics(library.store, progress=lambda done, n: None)


def test_audio_files_are_refused_and_stored_arrays_are_found_by_their_content(run, tmp_path: Path) -> None:
    (tmp_path / "mels").mkdir()
    for i in range(3):
        np.save(tmp_path / f"mels/{i}.npy", np.random.default_rng(i).uniform(-80, 0, (48, 200)))
    prepare(tmp_path / "mels", tmp_path / "lib", decoding=Decoding(sample_rate=62, frame_rate=62.5, workers=1))
    make_model(tmp_path / "model", overrides=STORED)
    status, _, _ = run("embed", tmp_path / "model", tmp_path / "lib", "-o", tmp_path / "emb", "--output", "head")
    assert status == 0
    status, text, _ = run("search", tmp_path / "emb", tmp_path / "mels" / "1.npy")
    assert status == 0
    assert len(text.splitlines()) == 4
    write_tone(tmp_path / "song.wav", seconds=2.0)
    status, _, err = run("search", tmp_path / "emb", tmp_path / "song.wav")
    assert (status, "takes stored features, no audio files" in err) == (2, True)
    status, _, err = run("embed", tmp_path / "model", tmp_path / "song.wav", "-o", tmp_path / "no")
    assert (status, "takes stored features, no audio files" in err) == (2, True)
    assert not (tmp_path / "no").exists()
