"""Tempo and key as programs write them into files."""

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen.id3 import TBPM, TKEY
from mutagen.wave import WAVE

from contramuse.catalogue.library import Library
from contramuse.catalogue.prepare import prepare
from contramuse.catalogue.tags import read_tags


def tagged(path, *, tempo, key):
    rng = np.random.default_rng(int(float(tempo) or 0))
    soundfile.write(path, 0.1 * rng.standard_normal(2 * 22050), 22050)
    if path.suffix == ".wav":
        file = WAVE(path)
        file.add_tags()
        file.tags.add(TBPM(encoding=3, text=tempo))
        file.tags.add(TKEY(encoding=3, text=key))
    else:
        with open(path, "rb") as stream:
            read_tags(stream)  # makes the simple names known, as any reading does
        file = mutagen.File(path, easy=True)
        if file.tags is None:
            file.add_tags()
        file["bpm"], file["initialkey"] = tempo, key
    file.save()
    with open(path, "rb") as stream:
        return read_tags(stream)


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".ogg", ".wav"])
def test_tempo_and_key_of_every_format(tmp_path, suffix):
    assert tagged(tmp_path / f"a{suffix}", tempo="127.9", key="Bbm") == {"tempo": 127.9, "key": "Bb minor"}


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("8A", "A minor"), ("8B", "C major"), ("9B", "G major"), ("01a", "Ab minor"), ("12B", "E major"),
        ("5A", "C minor"), ("F#m", "F# minor"), ("Db", "C# major"), ("o", None), ("13A", None),
    ],
)  # fmt: skip
def test_keys_by_name_and_by_their_place_on_the_wheel(tmp_path, written, key):
    assert tagged(tmp_path / "a.flac", tempo="0", key=written).get("key") == key


def test_a_tempo_that_cannot_be_is_none(tmp_path):
    assert "tempo" not in tagged(tmp_path / "a.mp3", tempo="0", key="C")


def test_they_become_fields_of_the_library(tmp_path):
    for i, (tempo, key) in enumerate([("120", "8A"), ("90", "C"), ("0", "")]):
        tagged(tmp_path / f"{i}.flac", tempo=tempo, key=key)
    prepare(tmp_path, tmp_path.parent / "tagged-library")
    library = Library.open(tmp_path.parent / "tagged-library")
    assert {name: (field.kind, field.source) for name, field in library.fields.items()} == {
        "tempo": ("numeric", "file tags"), "key": ("key", "file tags")
    }  # fmt: skip
    tempo, key = library.labels("tempo"), library.labels("key")
    order = [library.paths.index(f"{i}.flac") for i in range(3)]
    np.testing.assert_array_equal(tempo[order], [120, 90, np.nan])
    names = library.fields["key"].classes
    assert [names[key[i]] if key[i] >= 0 else None for i in order] == ["A minor", "C major", None]
