"""NSynth: its four label fields in their official order, and notes that are none."""

from __future__ import annotations

import pytest

from catalogue.datasets.mini_nsynth import NOTES, miniature, note, write_notes
from contramuse.catalogue.datasets.nsynth import FAMILIES, PITCHES, QUALITIES, SOURCES, NSynth
from contramuse.errors import UserError
from minidatasets import prepared


def test_classes_and_published_counts():
    assert (len(PITCHES), len(FAMILIES), len(SOURCES), len(QUALITIES)) == (112, 11, 3, 10)
    assert (PITCHES[0], PITCHES[21 - 9], PITCHES[60 - 9], PITCHES[69 - 9], PITCHES[-1]) == (
        "A-1",
        "A0",
        "C4",
        "A4",
        "C9",
    )
    assert FAMILIES[9:] == ("synth_lead", "vocal")
    assert QUALITIES[1] == "dark"
    assert QUALITIES[-1] == "tempo-synced"
    assert NSynth().published() == {"train": 289_205, "valid": 12_678, "test": 4_096}


@pytest.mark.parametrize(
    ("field", "labels"),
    [
        ("pitch", ["C#3", "A0", "C9", "C4", "C#4", "A-1", "A4"]),
        ("family", ["bass", "keyboard", "vocal", "guitar", "guitar", "reed", "synth_lead"]),
        ("source", ["synthetic", "electronic", "acoustic", "acoustic", "acoustic", "acoustic", "synthetic"]),
        ("qualities", [("dark",), (), ("bright", "tempo-synced"), (), (), ("reverb",), ()]),
    ],
)
def test_labels_of_each_field(tmp_path, field, labels):
    write_notes(tmp_path, NOTES)
    reading = NSynth(field=field).read(tmp_path)
    assert [entry.labels[field] for entry in reading.entries] == labels
    assert reading.counts() == {"train": 3, "valid": 2, "test": 2}
    assert reading.said == []


def test_a_note_without_qualities_is_known_to_have_none(tmp_path):
    miniature(tmp_path / "nsynth")
    library, checked = prepared("nsynth", tmp_path / "nsynth", tmp_path / "library", ["field=qualities"])
    assert checked.missing == []
    assert len(library) == 7
    assert bool(library.known("qualities").all())
    assert library.fields["qualities"].classes == QUALITIES
    assert library.info["dataset"]["group"] == "instrument"


def test_a_library_of_pitches_with_missing_audio(tmp_path):
    miniature(tmp_path / "nsynth")
    (tmp_path / "nsynth/nsynth-test/audio" / f"{NOTES['test'][0]['note_str']}.wav").unlink()
    library, checked = prepared("nsynth", tmp_path / "nsynth", tmp_path / "library")
    assert len(library) == 6
    assert checked.missing == [f"nsynth-test/audio/{NOTES['test'][0]['note_str']}.wav"]
    assert library.fields["pitch"].classes == PITCHES


def test_an_instrument_on_two_sides_is_said(tmp_path):
    write_notes(tmp_path, NOTES | {"test": NOTES["train"][:1]})
    assert "bass_synthetic_068" in NSynth().read(tmp_path).said[0]


@pytest.mark.parametrize(
    ("field", "change", "said"),
    [
        ("pitch", {"pitch": 121}, "pitch 121, which is outside the 112 classes"),
        ("pitch", {"pitch": 8}, "pitch 8, which is outside"),
        ("family", {"instrument_family": 11}, "family 11"),
        ("family", {"instrument_family_str": "brass"}, "which is keyboard, and calls it brass"),
        ("qualities", {"qualities": [0, 1]}, "other qualities"),
        ("source", {"instrument_source": None}, "note keyboard_electronic_001-021-100"),
    ],
)
def test_notes_that_are_none_are_named(tmp_path, field, change, said):
    write_notes(tmp_path, NOTES | {"valid": [note(4, 1, 1, 21) | change]})
    with pytest.raises(UserError, match=said) as error:
        NSynth(field=field).read(tmp_path)
    assert "nsynth-valid" in str(error.value)


def test_files_that_are_no_notes(tmp_path):
    write_notes(tmp_path, NOTES)
    file = tmp_path / "nsynth-test/examples.json"
    for text, said in (("[1]", "no notes by name"), ('{"a": 1}', "note a has no note_str"), ('{\n"a":', "line 2")):
        file.write_text(text)
        with pytest.raises(UserError, match=said):
            NSynth().read(tmp_path)
    file.write_text('{"a": {"note_str": "a"}}')
    with pytest.raises(UserError, match="note a lacks 'instrument_str'"):
        NSynth().read(tmp_path)
