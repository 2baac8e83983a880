"""A classifier that was published with its encoder is tested as our own are."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import contramuse
from contramuse.catalogue.library import Library
from contramuse.errors import LibraryError, UserError
from contramuse.train.finetune import evaluate
from minimodel import make_model

SHORT = ["embed.window=0.5", "embed.hop=0.5", "views.audio.take.seconds=0.5", "towers.audio.head.out=2"]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Its classes stand in another order than the library's."""
    folder = make_model(tmp_path / "published", overrides=SHORT)
    info = json.loads((folder / "model.json").read_text())
    info["extra"]["classes"] = ["lively", "calm"]
    (folder / "model.json").write_text(json.dumps(info))
    return folder


def test_answers_are_the_heads_matched_by_name(published: Path, library: Library) -> None:
    found = evaluate(published, library, field="genre")
    model, hits = contramuse.load(published), 0
    for row in library.rows("test"):
        x = torch.from_numpy(library.store.gather([row] * 3, [0, 11025, 22050], 11025))[:, None] / 32768
        with torch.no_grad():
            chance = model.tower.project(x).softmax(dim=1).mean(dim=0)
        answer = ["lively", "calm"][int(chance.argmax())]
        hits += answer == library.fields["genre"].classes[library.labels("genre")[row]]
    assert found["results"][0]["value"] == pytest.approx(hits / 8)
    assert found["tracks"] == 8
    tags = evaluate(published, library, field="tags", untagged="in")
    assert tags["tracks"] == 8
    assert np.isfinite(tags["results"][0]["value"])


def test_mistakes(published: Path, library: Library, model: Path, run: Any) -> None:
    with pytest.raises(UserError, match="has no classifier"):
        evaluate(model, library, field="genre")
    with pytest.raises(UserError, match="--field: is missing"):
        evaluate(published, library)
    with pytest.raises(LibraryError, match="numeric"):
        evaluate(published, library, field="tempo")
    status, out, err = run("finetune", "--evaluate", published, "--data", library.root, "--field", "genre")
    assert status == 0, err
    assert "genre (accuracy)" in out
    status, _, err = run("finetune", "--evaluate", published)
    assert status == 2
    assert "--data" in err
