"""The miniature SoundFont, for all tests of the corpus."""

from pathlib import Path

import pytest

from minisoundfont import write_soundfont


@pytest.fixture(scope="session")
def soundfont(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_soundfont(tmp_path_factory.mktemp("soundfont") / "mini.sf2")
