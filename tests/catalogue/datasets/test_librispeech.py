"""The reader of LibriSpeech: utterances from transcripts, splits by subset and within speakers."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from catalogue.datasets.mini_librispeech import ABSENT, miniature
from contramuse.catalogue.datasets.librispeech import LibriSpeech
from contramuse.errors import UserError
from minidatasets import prepared


def test_subsets_are_splits_and_share_no_speaker(tmp_path):
    miniature(tmp_path / "root")
    library, checked = prepared("librispeech", tmp_path / "root", tmp_path / "library")
    assert checked.missing == [ABSENT]
    assert len(library) == 17
    assert Counter(library.column("split")) == {"train": 14, "test": 3}
    assert library.fields["speaker"].classes == ("19", "61", "103")
    assert library.fields["sex"].classes == ("F", "M")
    speakers = {library.fields["speaker"].classes[c] for c in library.labels("speaker")[library.rows("test")]}
    assert speakers == {"61"}
    assert sorted(library.groups("chapter")[0]) == ["61-70968"]
    assert LibriSpeech().published() == {"train": 28539, "test": 2620}


def test_within_speakers_every_split_knows_every_speaker_and_runs_follow_one_another(tmp_path):
    miniature(tmp_path)
    entries = LibriSpeech(split="within").read(tmp_path).entries
    found = {speaker: [e.split for e in entries if e.labels["speaker"] == speaker] for speaker in ("19", "103")}
    assert found["19"] == ["train"] * 8 + ["valid"] + ["test"]
    assert found["103"] == ["train"] * 4 + ["test"]
    assert not any("test-clean" in entry.path for entry in entries)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("SPEAKERS.TXT", ";x\n19 F train\n", r"SPEAKERS\.TXT, line 2.*speaker \| sex"),
        ("SPEAKERS.TXT", "19 | F | train-clean-100 | 1 | K\n", r"SPEAKERS\.TXT.*does not know the speaker 103"),
        ("train-clean-100/19/198/19-198.trans.txt", "19-198-0000 A\n20-1-1 B\n", r"19-198\.trans\.txt, line 2.*20-1-1"),
    ],
)
def test_damaged_annotations_are_named_with_file_and_line(tmp_path, file, text, said):
    miniature(tmp_path)
    (tmp_path / "LibriSpeech" / file).write_text(text)
    with pytest.raises(UserError) as error:
        LibriSpeech().read(tmp_path)
    assert re.search(said, str(error.value), re.DOTALL)
