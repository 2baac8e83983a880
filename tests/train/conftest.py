"""A library that training tests share."""

from pathlib import Path

import pytest

from contramuse.catalogue.library import Library
from minilibrary import write_library


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    root: Path = tmp_path_factory.mktemp("library")
    return write_library(root, tracks=24, seconds=3.0)
