"""What every reader of a published dataset promises."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import itertools
import re
import shutil
import typing
from collections import Counter
from contextlib import suppress
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest

from contramuse.catalogue.datasets import DATASETS
from contramuse.catalogue.datasets.archives import is_archive
from contramuse.catalogue.datasets.make import make_library
from contramuse.catalogue.library import Library
from contramuse.catalogue.track import SPLITS
from contramuse.errors import UserError
from contramuse.probes.published import PROTOCOLS

OWN = {"folder", "csv"}
"""Readers of the user's own files: no home, no citation, and the classes are those that occur."""

MINIS = Path(__file__).parents[1] / "catalogue/datasets"
CHECKSUM = re.compile(r"([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})?")


def variants(name):
    """The dataset by its defaults, and with every single choice of a ``Literal`` taken another way."""
    made = DATASETS[name]
    yield made()
    for key, annotation in typing.get_type_hints(made).items():
        if typing.get_origin(annotation) is typing.Literal:
            for word in typing.get_args(annotation):
                yield made(**{key: word})


def tidy(path):
    """Relative, with "/", and below where it starts."""
    return bool(path) and not PurePosixPath(path).is_absolute() and ".." not in path.split("/") and "\\" not in path


@pytest.fixture(scope="module")
def minis(tmp_path_factory):
    """name -> root of its miniature, written once."""
    made = {}

    def mini(name):
        if name == "mirdata":
            pytest.skip("an adapter: it needs mirdata and the name of a dataset, see test_mirdata.py")
        if name not in made:
            file = MINIS / f"mini_{name}.py"
            spec = importlib.util.spec_from_file_location(f"mini_{name}", file)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            made[name] = tmp_path_factory.mktemp(name)
            module.miniature(made[name])
        return made[name]

    return mini


def test_every_dataset_has_a_miniature():
    assert [name for name in DATASETS if not (MINIS / f"mini_{name}.py").exists()] == []
    assert list(DATASETS) == sorted(DATASETS)


@pytest.mark.parametrize("name", DATASETS)
def test_choices_are_typed_and_told(name):
    made = DATASETS[name]
    assert dataclasses.is_dataclass(made)
    assert made.__dataclass_params__.frozen
    hints = typing.get_type_hints(made)
    told = (inspect.getdoc(made) or "").partition("Args:\n")[2]
    for choice in dataclasses.fields(made):
        annotation = hints[choice.name]
        assert typing.get_origin(annotation) is typing.Literal or annotation in (int, float, str), choice.name
        assert choice.default is not dataclasses.MISSING or name in OWN, choice.name
        assert re.search(rf"^ +{choice.name}: .{{5}}", told, re.M), choice.name
    assert len((inspect.getdoc(made) or "").splitlines()[0]) > 10


@pytest.mark.parametrize("name", DATASETS)
def test_facts_are_there(name):
    about = DATASETS[name].about
    assert about.title
    assert about.licence
    assert len(about.audio.split()) >= 3
    if name not in OWN:
        assert urlsplit(about.home).scheme in ("http", "https")
        assert len(about.citation) > 20
        assert re.search(r"(19|20)\d\d", about.citation), "a citation has a year"


@pytest.mark.parametrize("name", DATASETS)
def test_what_is_needed_is_told_with_its_place(name):
    for dataset in variants(name):
        for one in dataset.needed():
            assert all(tidy(path) for path in one.path.split("|")), one
            assert one.what, one
            assert urlsplit(one.where).scheme in ("http", "https") or len(one.where.split()) >= 3, one
            assert CHECKSUM.fullmatch(one.md5), one
            assert one.size >= 0, one
        paths = [one.path for one in dataset.needed()]
        assert len(paths) == len(set(paths)), paths


@pytest.mark.parametrize("name", DATASETS)
def test_what_is_fetched_comes_over_http_and_stays_below_the_root(name):
    for dataset in variants(name):
        remotes = dataset.remote()
        for one in remotes:
            assert urlsplit(one.url).scheme in ("http", "https"), one
            assert urlsplit(one.url).netloc, one
            assert tidy(one.path), one
            assert CHECKSUM.fullmatch(one.md5), one
            assert one.size >= 0, one
            assert one.unpack is None or ((one.unpack == "." or tidy(one.unpack)) and is_archive(one.path)), one
        paths = [one.path for one in remotes]
        assert len(paths) == len(set(paths)), paths


@pytest.mark.parametrize("name", DATASETS)
def test_a_published_split_has_a_name_of_its_own(name):
    """Choices with other published counts have other names: no number is without the name of its split."""
    names = {}
    for dataset in variants(name):
        published = dataset.published()
        assert dataset.split_name
        assert set(published) <= set(SPLITS)
        assert all(isinstance(count, int) and count > 0 for count in published.values())
        if published:
            assert dataset.split_name != "made here"
            size = {k: v for k, v in dataclasses.asdict(dataset).items() if k != "split"}
            key = (dataset.split_name, str(size))
            assert names.setdefault(key, published) == published, key


@pytest.mark.parametrize("name", DATASETS)
def test_an_empty_folder_is_told_with_all_that_it_lacks(name, tmp_path):
    for dataset in variants(name):
        with pytest.raises(UserError) as told:
            make_library(dataset, name, tmp_path, tmp_path / "library")
        said, lacking = str(told.value), [one for one in dataset.needed() if one.kind == "annotations"]
        assert all(one.path.replace("|", " or ") in said and one.where in said for one in lacking)
        assert not (tmp_path / "library").exists()
        with suppress(UserError):  # a reader whose labels are names of files may find nothing
            dataset.read(tmp_path)


@pytest.mark.parametrize("name", DATASETS)
def test_a_miniature_is_read(name, minis):
    dataset = DATASETS[name]()
    reading = dataset.read(minis(name))
    again = dataset.read(minis(name))
    assert list(reading.entries) == list(again.entries)
    assert reading.left_out == again.left_out
    assert (reading.fields, reading.group) == (again.fields, again.group)
    fields = {field.name: field for field in reading.fields}
    assert len(fields) == len(reading.fields)
    assert len(reading.entries) >= 3
    twice = [path for path, count in Counter(entry.path for entry in reading.entries).items() if count > 1]
    assert not twice
    for entry in reading.entries:
        assert tidy(entry.path), entry.path
        assert all(tidy(path) for path in entry.stems.values()), entry.stems
        assert entry.split in (*SPLITS, "")
        assert set(entry.labels) <= set(fields)
        for groups in entry.groups.values():
            assert not isinstance(groups, str)
            assert all(isinstance(group, str) and group for group in groups)
    assert not reading.group or any(reading.group in entry.groups for entry in reading.entries)


@pytest.mark.parametrize("name", DATASETS)
def test_labels_are_of_their_kind_and_classes_in_a_stored_order(name, minis):
    reading = DATASETS[name]().read(minis(name))
    for field in reading.fields:
        classes, labels = field.classes, [entry.labels.get(field.name) for entry in reading.entries]
        known = [label for label in labels if label is not None]
        assert known, f"no item of the miniature has {field.name}"
        assert len(classes) == len(set(classes))
        if field.kind == "numeric":
            assert all(isinstance(label, (int, float)) for label in known)
            continue
        if name not in OWN and field.kind in ("multiclass", "multilabel"):
            assert classes, f"{field.name} has no stored order of classes"
        if field.kind == "multilabel":
            assert not any(isinstance(label, str) for label in known)
            assert all(len(label) == len(set(label)) for label in known)
        words = set(itertools.chain(*known)) if field.kind == "multilabel" else set(known)
        assert all(isinstance(word, str) for word in words)
        assert not classes or words <= set(classes)
        for entry in reading.entries:
            absent = set(entry.absent.get(field.name, ()))
            assert not absent or field.empty == "stated"
            assert absent <= set(classes)
            assert not absent & set(entry.labels.get(field.name) or ())


@pytest.mark.parametrize("name", DATASETS)
def test_the_table_of_what_the_annotations_say(name, minis, tmp_path, run):
    root, file = minis(name), tmp_path / "table.parquet"
    status, out, _ = run("data", name, "--root", root, "--table", file)
    assert status == 0
    entries, table = DATASETS[name]().read(root).entries, pq.read_table(file)
    assert table.num_rows == len(entries)
    assert table["path"].to_pylist() == [entry.path for entry in entries]
    assert f"{len(entries):,} rows" in out


@pytest.mark.parametrize("name", DATASETS)
def test_what_is_missing_or_broken_is_counted_and_listed(name, minis, tmp_path, run):
    root = tmp_path / "root"
    shutil.copytree(minis(name), root)
    dataset = DATASETS[name]()
    there = [entry.path for entry in dataset.read(root).entries if (root / entry.path).is_file()]
    assert len(there) >= 3, "a miniature has three items with audio or more"
    lost, broken = there[0], there[1]
    (root / lost).unlink()
    (root / broken).write_bytes((root / broken).read_bytes()[:20])
    status, out, err = run("data", name, "--root", root, "-o", tmp_path / "library", "--rate", 8000, "--workers", 1)
    listed = [entry.path for entry in dataset.read(root).entries]
    library = Library.open(tmp_path / "library")
    assert lost not in library.paths
    assert broken not in library.paths
    if lost in listed:  # whose items are the files themselves does not know what it lost
        assert lost in out
        assert lost in (tmp_path / "library/dataset.json").read_text()
    assert "failed" in out
    assert dataset.split_name in out
    assert library.info["dataset"]["split"] == dataset.split_name
    assert status == 1
    assert f"{len(listed) - len(library):,} of {len(listed):,} items are missing or failed" in err


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_protocols_probe_fields_that_their_dataset_has_under_every_choice_that_they_leave_open(protocol, minis):
    wanted = PROTOCOLS[protocol]
    for dataset in variants(wanted.dataset):
        chosen = dataclasses.replace(dataset, **wanted.choices)
        with suppress(UserError):  # choices that do not go together, or that want another file
            fields = {field.name for field in chosen.read(minis(wanted.dataset)).fields}
            assert fields >= set(wanted.fields), chosen
