"""--only-labelled, --shares and --stratify: which files become tracks, and how they are split."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from contramuse.catalogue.decoding import Decoding
from contramuse.catalogue.grouping import Splitting
from contramuse.catalogue.ledger import entries
from contramuse.catalogue.library import Library
from contramuse.catalogue.prepare import LabelSource, Summary, prepare
from contramuse.catalogue.splits import components, leaks, make_splits
from contramuse.catalogue.stratify import stratified_groups
from contramuse.cli import app
from contramuse.errors import UserError
from music import tones, write

RATE = 4000
NAMED = LabelSource(files="labelled")


def run(folder: Path, out: Path, **options: object) -> Summary:
    return prepare(folder, out, decoding=Decoding(sample_rate=RATE, workers=1), **options)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "music"
    for i in range(6):
        write(root / f"{i % 2}/song {i}.wav", tones(1.2, RATE, seed=i), RATE)
    for i in range(2):
        write(root / f"stems/song {i}/bass.wav", tones(1.2, RATE, seed=20 + i), RATE)
    (root / "labels.csv").write_text("path,tag\n0/song 0.wav,a\nsong 3,b\nsong 5.mp3,a\nnowhere.wav,b\n")
    return root


def paths(library: Path) -> list[str]:
    return Library.open(library).paths


def test_only_files_that_the_labels_name_are_taken_with_their_stems(folder: Path, tmp_path: Path) -> None:
    done = run(folder, tmp_path / "lib", labels=NAMED)
    assert paths(tmp_path / "lib") == ["0/song 0.wav", "1/song 3.wav", "1/song 5.wav"]
    assert (done.tracks, done.stems, done.decoded) == (3, 1, 4)
    assert done.changes == {"added": 4, "changed": 0, "unchanged": 0, "removed": 0}
    assert done.lines[0].startswith("4 files that labels.csv does not name are left out, listed in ")
    left_out = json.loads((tmp_path / "lib/left_out.json").read_text())
    assert len(left_out) == 4
    assert {"0/song 2.wav", "stems/song 1/bass.wav"} < set(left_out)
    found = {entry["path"] for entry in entries(tmp_path / "lib")}
    assert "0/song 2.wav" not in found
    assert "stems/song 1/bass.wav" not in found


def test_labels_that_come_and_go_bring_and_take_their_files(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "lib", labels=NAMED)
    assert run(folder, tmp_path / "lib", labels=NAMED).changes["unchanged"] == 4
    labels = folder / "labels.csv"
    labels.write_text(labels.read_text() + "song 1,b\n")
    done = run(folder, tmp_path / "lib", labels=NAMED)
    assert (done.tracks, done.decoded, done.changes["added"], done.changes["removed"]) == (4, 2, 2, 0)
    done = run(folder, tmp_path / "lib")
    assert (done.tracks, done.decoded) == (6, 2)
    done = run(folder, tmp_path / "lib", labels=NAMED)
    assert (done.tracks, done.decoded) == (4, 0)
    assert run(folder, tmp_path / "lib").decoded == 0  # what was decoded before is still there


def test_labels_that_name_nothing_and_no_labels_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "labels.csv").write_text("path,tag\nx.wav,a\ny.wav,b\n")
    with pytest.raises(UserError, match="names none of the files"):
        run(folder, tmp_path / "lib", labels=NAMED)
    (folder / "labels.csv").unlink()
    with pytest.raises(UserError, match="there is no labels file"):
        run(folder, tmp_path / "lib", labels=NAMED)


def test_command(folder: Path, tmp_path: Path) -> None:
    command = ["prepare", str(folder), "-o", str(tmp_path / "lib"), "--only-labelled", "--rate", str(RATE)]
    done = CliRunner().invoke(app, [*command, "--split-by", "track", "--shares", "0.5,0,0.5", "--stratify", "tag"])
    assert done.exit_code == 0, done.output
    assert "4 files that labels.csv does not name are left out" in done.output
    assert "stratified by tag" in done.output
    info = json.loads((tmp_path / "lib" / "library.json").read_text())
    assert (info["split_shares"], info["stratified_by"]) == ([0.5, 0.0, 0.5], "tag")
    assert set(Library.open(tmp_path / "lib").column("split")) == {"train", "test"}
    for wrong, told in (("1,2", "three numbers"), ("0.5,0.5,0.5", "sum to 1"), ("0,0.5,0.5", "sum to 1")):
        refused = CliRunner().invoke(app, [*command, "--shares", wrong])
        assert told in str(refused.exception)
    refused = CliRunner().invoke(app, [*command, "--stratify", "mood"])
    assert "Its label fields: tag" in str(refused.exception)


def test_splits_that_the_labels_give_go_with_no_shares(folder: Path, tmp_path: Path) -> None:
    (folder / "labels.csv").write_text("path,tag,split\nsong 0,a,train\nsong 1,b,test\n")
    for wrong in (Splitting(shares=(0.6, 0.2, 0.2)), Splitting(stratify="tag")):
        with pytest.raises(UserError, match=r"given by labels\.csv"):
            run(folder, tmp_path / "lib", splitting=wrong)


def test_other_shares_make_other_splits_and_the_same_ones_keep_them(folder: Path, tmp_path: Path) -> None:
    (folder / "labels.csv").unlink()
    half = Splitting("track", shares=(0.5, 0.0, 0.5))
    first = run(folder, tmp_path / "lib", splitting=half)
    assert first.splits["valid"] == 0
    assert min(first.splits["train"], first.splits["test"]) >= 2
    before = Library.open(tmp_path / "lib").column("split")
    run(folder, tmp_path / "lib", splitting=half)
    assert Library.open(tmp_path / "lib").column("split") == before
    assert run(folder, tmp_path / "lib", splitting=Splitting("track")).splits["valid"] > 0


@pytest.mark.parametrize("shares", [(0.6, 0.2, 0.2), (0.9, 0.1, 0.0), (0.5, 0.0, 0.5), (1.0, 0.0, 0.0)])
def test_shares_of_splits_by_group(shares: tuple[float, float, float]) -> None:
    keys = [[f"artist {i // 4}"] for i in range(1000)]
    counts = Counter(make_splits(keys, seed=0, shares=dict(zip(("train", "valid", "test"), shares, strict=True))))
    for split, share in zip(("train", "valid", "test"), shares, strict=True):
        assert abs(counts[split] - 1000 * share) <= (30 if share else 0)


@settings(max_examples=50, deadline=None)
@given(
    groups=st.lists(st.integers(0, 14), min_size=1, max_size=80),
    kept=st.dictionaries(st.integers(0, 80), st.sampled_from(["train", "valid", "test"]), max_size=5),
    seed=st.integers(0, 9),
)
def test_stratified_groups_are_whole_and_settled_ones_stay(groups: list[int], kept: dict[int, str], seed: int) -> None:
    keys = [[str(group)] for group in groups]
    component = components(keys)
    settled = {one: split for one, split in kept.items() if one in component}
    labels = np.random.default_rng(seed).random((len(groups), 4)) < 0.3
    shares = {"train": 0.6, "valid": 0.2, "test": 0.2}
    splits = stratified_groups(labels, component, seed=seed, shares=shares, kept=settled)
    assert leaks(splits, keys) == {}
    assert all(splits[i] == settled.get(one, splits[i]) for i, one in enumerate(component))
    assert splits == stratified_groups(labels, component, seed=seed, shares=shares, kept=settled)


def test_every_class_has_its_share_in_every_split() -> None:
    """Single tracks: exact; artists of up to five tracks: nearly."""
    classes = np.repeat(np.arange(4), [400, 200, 100, 20])
    shares = {"train": 0.8, "valid": 0.1, "test": 0.1}
    alone = stratified_groups(classes, list(range(720)), seed=0, shares=shares, kept={})
    where = np.array(alone)
    assert np.bincount(classes[where == "valid"]).tolist() == [40, 20, 10, 2]
    assert np.bincount(classes[where == "test"]).tolist() == [40, 20, 10, 2]
    artists = np.random.default_rng(0).integers(0, 240, 720)
    component = components([[str(artist)] for artist in artists])
    together = stratified_groups(classes, component, seed=0, shares=shares, kept={})
    where = np.array(together)
    for split, share in shares.items():
        counts = np.bincount(classes[where == split], minlength=4)
        np.testing.assert_allclose(counts, share * np.array([400, 200, 100, 20]), atol=6)
