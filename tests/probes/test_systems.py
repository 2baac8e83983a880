"""The systems of a comparison: every architecture has random weights of its own, vectors of others have none."""

from __future__ import annotations

from contramuse.checkpoint.model import load
from contramuse.embeddings import Embeddings, embed_library
from contramuse.probes.hearing import hearing_of
from contramuse.probes.systems import RANDOM, common_rows, compared_systems
from minilibrary import write_library
from minimodel import make_model

SHORT = ["embed.window=0.5", "embed.hop=0.5", "views.audio.take.seconds=0.5"]


def test_every_architecture_has_random_weights_of_its_own(tmp_path):
    library = write_library(tmp_path / "library", seconds=1.0)
    wide = [*SHORT, "towers.audio.encoder.depth=1"]
    models = [
        make_model(tmp_path / "a", overrides=SHORT, seed=1), make_model(tmp_path / "b", overrides=SHORT, seed=2),
        make_model(tmp_path / "c", overrides=wide, seed=3),
    ]  # fmt: skip
    given = []
    for model in models:
        embed_library(load(model), library, tmp_path / f"of-{model.name}")
        given.append(Embeddings.open(tmp_path / f"of-{model.name}"))
    rows = common_rows(library, given)
    found = compared_systems(given, library, rows=rows, baselines=("random",), seed=0, progress=lambda message: None)
    assert [(system.role, system.given) for system in found] == [
        ("model", 0), ("model", 1), ("model", 2), ("baseline", 0), ("baseline", 2),
    ]  # fmt: skip
    assert found[3].name == RANDOM
    assert found[4].name.startswith(f"{RANDOM} of ")
    assert found[3].vectors.shape == found[4].vectors.shape or found[3].vectors.shape[1] != found[4].vectors.shape[1]
    hearing = hearing_of(found, given, sample_rate=library.sample_rate, seed=0)
    assert len({ear.key for ear in hearing.ears.values()}) == 5
