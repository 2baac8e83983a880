"""The command: runs, goes on, tests, and tells mistakes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from contramuse.catalogue.library import Library
from minimodel import make_model


def test_fine_tunes_goes_on_and_tests(
    library: Library, model: Path, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run("finetune", model, "--data", library.root, "--field", "genre", "--epochs", 1, "--batch", 12)
    assert status == 0, out + err
    assert "genre (accuracy)" in out
    assert "16 tracks of the library have no label" not in out
    folder = next(Path("runs").iterdir())
    assert folder.name.endswith("-genre-1")
    status, out, _ = run("finetune", "--resume", folder)
    assert status == 0
    assert "going on from step 2" in out
    status, _, err = run("train", "--resume", folder)
    assert (status, f"Go on with `contramuse finetune --resume {folder}`" in err) == (2, True)
    status, out, _ = run(
        "finetune", "--evaluate", folder, "--aggregate", "logits", "--split", "valid", "--json", "v.json"
    )
    assert status == 0
    assert "valid split" in out
    assert Path("v.json").exists()


def test_the_test_sees_what_the_head_learnt_from_where_a_model_gives_its_projection(
    library: Library, tmp_path: Path, run: Any
) -> None:
    short = ["embed.window=0.5", "embed.hop=0.5", "views.audio.take.seconds=0.5"]
    projecting = make_model(tmp_path / "model", overrides=[*short, "embed.output=[head]"])
    status, out, err = run(
        "finetune", projecting, "--data", library.root, "--field", "genre", "--epochs", 1, "-o", tmp_path / "run"
    )
    assert status == 0, out + err
    assert "genre (accuracy)" in out


def test_a_protocol_gives_fields_metric_and_aggregation_and_stands_beside_its_published_figures(
    library: Library, model: Path, tmp_path: Path, run: Any
) -> None:
    info = json.loads((library.root / "library.json").read_text())
    held = {"name": "magnatagatune", "choices": {"split": "pons2017", "tags": "top50"}, "split": "pons2017"}
    copied = tmp_path / "library"
    shutil.copytree(library.root, copied)
    (copied / "library.json").write_text(json.dumps({**info, "dataset": held}))
    out = tmp_path / "run"
    status, said, err = run(
        "finetune", model, "--data", copied, "--protocol", "mtat", "--epochs", 1, "-o", out, "--empty", "drop"
    )
    assert status == 0, said + err
    tested = json.loads((out / "test.json").read_text())
    assert (tested["fields"], tested["aggregate"], tested["protocol"]) == (["tags"], "probabilities", "mtat")
    assert tested["split_name"] == "split of magnatagatune: pons2017"
    assert {one["metric"] for one in tested["references"]} == {"roc_auc", "average_precision"}
    assert "published: CLMR" in said
    status, _, err = run("finetune", model, "--data", library.root, "--protocol", "mtat", "-o", tmp_path / "other")
    assert status == 2
    assert "is of another dataset or split" in " ".join(err.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "MODEL: is missing"),
        (["MODEL"], "--data: is missing"),
        (["MODEL", "--data", "LIBRARY"], "--field: is missing"),
        (["MODEL", "--data", "LIBRARY", "--field", "gener"], "It has genre"),
        (["MODEL", "--data", "LIBRARY", "--field", "genre", "--head", "big"], "--head: 'big': is not possible"),
        (["MODEL", "--data", "LIBRARY", "--field", "genre", "--epochs", "1", "--steps", "1"], "Give one of them"),
        (["MODEL", "--data", "LIBRARY", "--field", "genre", "--layer-decay", "0.5"], "give --encoder full"),
        (["/nowhere", "--data", "LIBRARY", "--field", "genre", "-o", "new"], "there is no such folder"),
        (["--resume", "/nowhere"], "is not the folder of a run"),
        (["--evaluate", "/nowhere"], "is not the folder of a run"),
        (["MODEL", "--evaluate", "/nowhere"], "does not go with --evaluate"),
    ],
)
def test_mistakes(library: Library, model: Path, tmp_path: Path, run: Any, arguments: list[str], told: str) -> None:
    places = {"LIBRARY": str(library.root), "MODEL": str(model), "new": str(tmp_path / "new")}
    status, _, err = run("finetune", *[places.get(a, a) for a in arguments])
    assert status == 2
    assert told in " ".join(err.split())
    assert not (tmp_path / "new").exists()
