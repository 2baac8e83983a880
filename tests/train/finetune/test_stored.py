"""A library of stored mels is fine-tuned on as one of audio is."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contramuse.catalogue.decoding import Decoding
from contramuse.catalogue.library import Library
from contramuse.catalogue.prepare import prepare
from contramuse.errors import LibraryError
from contramuse.train.finetune import Settings, fine_tune
from minimodel import make_model

STORED = (
    "sample_rate=62", "views.audio.take.seconds=1.6", "embed.window=1.6", "embed.hop=1.6",
    "towers.audio.frontend={kind: stored, bands: 48, transform: melon}",
)  # fmt: skip


@pytest.fixture
def mels(tmp_path: Path) -> Library:
    (tmp_path / "mels").mkdir()
    for i in range(15):
        np.save(tmp_path / f"mels/{i:02d}.npy", np.random.default_rng(i).uniform(-80, 30 * (i % 2), (48, 210 + i)))
    prepare(tmp_path / "mels", tmp_path / "lib", decoding=Decoding(sample_rate=62, frame_rate=62.5, workers=1))
    index, facts = tmp_path / "lib" / "index.parquet", tmp_path / "lib" / "library.json"
    table = pq.read_table(index)
    splits = pa.array([("train", "train", "train", "valid", "test")[i % 5] for i in range(15)])
    table = table.set_column(table.column_names.index("split"), "split", splits)
    pq.write_table(table.append_column("label.loud", pa.array(["no", "yes"] * 7 + ["no"])), index)
    field = {"name": "loud", "kind": "multiclass", "classes": ["no", "yes"], "source": "test"}
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "fields": [field]}))
    return Library.open(tmp_path / "lib")


def test_stored_mels(mels: Library, tmp_path: Path) -> None:
    chosen = Settings(fields=("loud",), batch=4, epochs=3)
    done = fine_tune(str(make_model(tmp_path / "m", overrides=STORED)), mels, tmp_path / "run", settings=chosen)
    assert done.results["tracks"] == 3
    audio = make_model(tmp_path / "audio", overrides=["sample_rate=62"])
    with pytest.raises(LibraryError, match="holds stored features, the model wants audio"):
        fine_tune(str(audio), mels, tmp_path / "no", settings=chosen)
    assert not (tmp_path / "no").exists()
