"""Two channels for a separator: as they are in the file, or the mean of all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contramuse.audio.decode import decode
from contramuse.audio.stereo import MusicFile, StoredMusic
from contramuse.audio.store import ShardWriter, Store
from contramuse.errors import DecodeError
from music import encode, tones, write


def whole(music: MusicFile | StoredMusic) -> np.ndarray:
    return np.concatenate([np.zeros((2, 0), np.float32), *music.blocks()], 1)


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_two_channels_are_kept_and_others_averaged(tmp_path: Path, channels: int) -> None:
    x = tones(1.0, 8000, channels, seed=channels)
    got = whole(MusicFile(write(tmp_path / "a.wav", x, 8000), sample_rate=8000))
    expected = x.T if channels == 2 else np.repeat(x.mean(1)[None], 2, 0)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() < 1e-4


@pytest.mark.parametrize("codec", ["mp3", "flac", "aac"])
def test_the_mean_of_both_is_what_decode_gives(tmp_path: Path, codec: str) -> None:
    suffix = {"aac": "m4a"}.get(codec, codec)
    path = encode(tmp_path / f"a.{suffix}", tones(2.0, 22050, 2, seed=3), 22050, codec)
    music = MusicFile(path, sample_rate=16000)
    got, mono = whole(music), decode(path, sample_rate=16000).samples / 32768
    assert abs(got.shape[1] - len(mono)) <= 1
    assert np.abs(got.mean(0)[: len(mono)] - mono[: got.shape[1]]).max() < 1e-3
    assert np.abs(got[0] - got[1]).max() > 0.1
    assert music.level == pytest.approx((float(mono.mean()), float(mono.std())), abs=1e-4)
    assert np.array_equal(whole(music), got), "it can be gone through again"


def test_it_ends_where_it_should_and_says_when_there_is_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tones(1.0, 8000, 2), 8000)
    assert whole(MusicFile(path, sample_rate=8000, seconds=0.25)).shape == (2, 2000)
    assert whole(MusicFile(path, sample_rate=8000, seconds=5.0)).shape == (2, 8000)
    cut = tmp_path / "cut.flac"
    cut.write_bytes(write(tmp_path / "b.flac", tones(2.0, 8000, 2), 8000).read_bytes()[:20_000])
    assert 0 < whole(MusicFile(cut, sample_rate=8000)).shape[1] < 16000
    (tmp_path / "c.wav").write_bytes(b"no audio")
    with pytest.raises(DecodeError):
        MusicFile(tmp_path / "c.wav", sample_rate=8000)


def test_a_store_gives_its_samples_twice(tmp_path: Path) -> None:
    clip = (3000 * np.sin(np.arange(9000) / 7)).astype(np.int16)
    writer = ShardWriter(tmp_path)
    writer.append(clip)
    writer.close()
    store = Store(tmp_path, sample_rate=8000, shard=[0], offset=[0], samples=[9000])
    got = whole(StoredMusic(store, 0, sample_rate=8000))
    assert np.array_equal(got, np.stack([clip, clip]).astype(np.float32) / 32768)
    assert whole(StoredMusic(store, 0, sample_rate=16000)).shape == (2, 18000)
