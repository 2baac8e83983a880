"""The reader of MedleyDB: instruments of stems, raw tracks and mixes; splits that keep songs and artists together."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import pytest
import yaml

from catalogue.datasets.mini_medleydb import ABSENT, metadata, miniature
from contramuse.catalogue.datasets.medleydb import MedleyDB, most_frequent, released
from contramuse.errors import UserError
from minidatasets import prepared


def by_name(reading):
    return {entry.path.rsplit("/", 1)[1][:-4]: entry for entry in reading.entries}


def test_the_lists_of_releases_are_as_long_as_published():
    assert (len(released("v1")), len(released("v2"))) == (122, 74)
    assert len(released("both")) == 196
    assert not released("all")


def test_stems_with_their_instruments(tmp_path):
    miniature(tmp_path / "root")
    library, checked = prepared("medleydb", tmp_path / "root", tmp_path / "library")
    reading = checked.reading
    assert reading.fields[0].classes == (
        "acoustic guitar", "piano", "drum set", "electric bass", "female singer", "synthesizer",
    )  # fmt: skip
    assert checked.missing == [ABSENT]
    assert len(library) == len(reading.entries) - 1 == 9
    several = by_name(reading)["Sweat_Tact_STEM_01"]
    assert "instrument" not in several.labels
    assert several.labels["instruments"] == ["drum set", "synthesizer"]
    assert reading.left_out["no instrument"] == [
        "Audio/AmarLal_SpringDay1/AmarLal_SpringDay1_STEMS/AmarLal_SpringDay1_STEM_02.wav",
        "V2/Sweat_Tact/Sweat_Tact_STEMS/Sweat_Tact_STEM_02.wav",
    ]
    assert len(reading.left_out["songs without metadata"]) == 196 - 6
    assert list(reading.left_out.values())[1] == ["Blondie_OneWayOrAnother"]
    kept = MedleyDB(effects="kept").read(tmp_path / "root")
    assert "fx/processed sound" in kept.fields[0].classes


def test_the_most_frequent_are_counted_by_instrument_and_ties_go_by_name():
    found = [("b", "a"), ("b",), ("c",), ("x",), ("x",), ("x",)]
    assert most_frequent(found, {"x"}, 2) == ("b", "a")


def test_raw_tracks_and_mixes(tmp_path):
    miniature(tmp_path / "root")
    raw = MedleyDB(items="raw").read(tmp_path / "root")
    assert by_name(raw)["HopAlong_SisterCities_RAW_01_02"].labels["instrument"] == "snare drum"
    assert "instrument" not in by_name(raw)["Sweat_Elegy_RAW_02_01"].labels
    library, checked = prepared("medleydb", tmp_path / "root", tmp_path / "library", ["items=mixes", "songs=all"])
    assert len(library) == 7
    assert all(path.endswith("_MIX.wav") for path in library.paths)
    entry = by_name(checked.reading)["Sweat_Elegy_MIX"]
    assert entry.labels["instruments"] == ["piano"]
    assert list(entry.stems) == ["piano", "piano #2"]
    row = library.paths.index("V2/Sweat_Elegy/Sweat_Elegy_MIX.wav")
    assert set(library.track(row).stems) == {"piano", "piano #2"}
    with pytest.raises(UserError, match="stems and raw tracks"):
        MedleyDB(items="mixes", split="stem").read(tmp_path / "root")


def test_no_song_and_no_artist_is_in_two_splits_but_by_stem_they_are(tmp_path):
    """Stems of many songs: the split by song keeps each together, SemiSupCon's rule tears them."""
    (tmp_path / "Metadata").mkdir()
    for number, name in enumerate(sorted(released("both"))[:60]):
        content = metadata("AmarLal_Rest") | {"artist": f"artist {number // 2}", "stem_dir": f"{name}_STEMS"}
        (tmp_path / "Metadata" / f"{name}_METADATA.yaml").write_text(yaml.safe_dump(content))
    for split, torn in (("song", False), ("stem", True)):
        reading = MedleyDB(split=split).read(tmp_path)
        where = defaultdict(set)
        for entry in reading.entries:
            for group in ("song", "artist"):
                where[group, entry.groups[group]].add(entry.split)
        assert any(len(splits) > 1 for splits in where.values()) is torn
        counts = Counter(entry.split for entry in reading.entries)
        shares = (0.8, 0.1, 0.1) if split == "song" else (0.81, 0.09, 0.1)
        assert [counts[s] for s in ("train", "valid", "test")] == pytest.approx([120 * s for s in shares], abs=4.1)
        assert ("leaks" in MedleyDB(split=split).split_name) is torn


def test_songs_with_bleed_may_be_dropped(tmp_path):
    miniature(tmp_path)
    reading = MedleyDB(bleed="dropped").read(tmp_path)
    assert reading.left_out["songs with bleed"] == ["HopAlong_SisterCities"]
    assert {entry.labels["has_bleed"] for entry in reading.entries} == {"no"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stems: [unclosed", "is no YAML that can be read"),
        ("!!python/object/apply:os.system ['touch hacked']", "is no YAML that can be read"),
        ("artist: A\ntitle: T\n", "lacks what MedleyDB's metadata have"),
        ("just text", "lacks what MedleyDB's metadata have"),
    ],
)
def test_damaged_metadata_are_named_and_nothing_in_them_is_run(tmp_path, text, said, monkeypatch):
    monkeypatch.chdir(tmp_path)
    miniature(tmp_path / "root")
    (tmp_path / "root/Metadata/AmarLal_Rest_METADATA.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        MedleyDB().read(tmp_path / "root")
    assert re.search(said, str(error.value))
    assert "AmarLal_Rest_METADATA.yaml" in str(error.value)
    assert not (tmp_path / "hacked").exists()
