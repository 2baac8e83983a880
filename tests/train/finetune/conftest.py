"""A library with labels and all three splits, and a model to fine-tune."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contramuse.catalogue.library import Library
from minilibrary import write_library
from minimodel import make_model

SHORT = ["embed.window=0.5", "embed.hop=0.5", "views.audio.take.seconds=0.5"]


def resplit(library: Library) -> Library:
    """Of five tracks three train, one is watched, one tested."""
    table = pq.read_table(library.root / "index.parquet")
    splits = [("train", "train", "train", "valid", "test")[i % 5] for i in range(len(table))]
    place = table.column_names.index("split")
    pq.write_table(table.set_column(place, "split", pa.array(splits)), library.root / "index.parquet")
    return Library.open(library.root)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return resplit(write_library(tmp_path_factory.mktemp("library"), tracks=40, seconds=1.7))


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"), overrides=SHORT)


@pytest.fixture(scope="session")
def normed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with BatchNorm."""
    return make_model(tmp_path_factory.mktemp("normed"), recipe="clmr", overrides=["train.steps=1"])
