"""Semi-supervised contrast (SemiSupCon): nothing labelled is self-supervised, everything labelled is supervised."""

import pytest
import torch

from contramuse.catalogue.library import Library
from contramuse.recipe import Recipe
from contramuse.rows import Rows
from contramuse.train.data import MusicData
from contramuse.train.module import Contrastive
from minilibrary import write_library
from smallrecipes import small

TRANSFORMER = (
    "train.batch=8",
    "towers.audio={frontend: {kind: log_mel, n_mels: 32}, head: mlp, "
    "encoder: {kind: mel_transformer, dim: 32, depth: 1, heads: 2}}",
    "views.audio.augment=[polarity]",
)  # fmt: skip


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return write_library(tmp_path_factory.mktemp("library"), tracks=24, seconds=6.0)


def seen(library: Library, *settings: str) -> tuple[Recipe, torch.Tensor, Rows]:
    """The recipe, and the embeddings and rows of its first batch."""
    recipe = small("semisupcon", *TRANSFORMER, *settings)
    data, module = MusicData(recipe, library), Contrastive(recipe, sample_rate=library.sample_rate)
    found = module.see(data.example(), purpose="train")
    return recipe, found.z["audio"].detach(), found.rows["audio"]


def loss_of(recipe: Recipe, z: torch.Tensor, rows: Rows) -> float:
    return float(recipe.build_strategy().loss({"audio": z}, {"audio": rows}))


@pytest.mark.parametrize("setting", ["sampler.labelled=0.0", "sampler.share=0.0"])
def test_without_labels_it_is_nt_xent(library: Library, setting: str) -> None:
    recipe, z, rows = seen(library, setting)
    assert not rows.labels["tags"].any()
    alone = small("semisupcon", *TRANSFORMER, setting, "contrasts.0.target={kind: same, by: track}")
    assert loss_of(recipe, z, rows) == loss_of(alone, z, rows)


def test_with_labels_alone_it_is_supervised(library: Library) -> None:
    recipe, z, rows = seen(library, "sampler.labelled=1.0")
    tracks, tags = rows.ids["track"], rows.labels["tags"]
    assert (rows.ids["labelled"] == 1).all()
    assert tags.any(1).all()  # every track that was drawn has a tag
    # The outside-log form of SupCon, row by row, with all other rows in the denominator.
    unit = torch.nn.functional.normalize(z.double(), dim=1)
    total = 0.0
    for i in range(len(z)):
        others = [j for j in range(len(z)) if j != i]
        exponentials = {j: torch.exp(unit[i] @ unit[j] / 0.1) for j in others}
        denominator = sum(exponentials.values())
        positive = [j for j in others if tracks[i] == tracks[j] or bool((tags[i] * tags[j]).any())]
        total += float(-sum(torch.log(exponentials[j] / denominator) for j in positive) / len(positive))
    assert loss_of(recipe, z, rows) == pytest.approx(total / len(z), rel=1e-5)


def test_half_and_half(library: Library) -> None:
    _, _, rows = seen(library)
    labelled = rows.ids["labelled"] == 1
    assert int(labelled.sum()) == len(labelled) // 2
    assert rows.labels["tags"][labelled].any(1).all()
    assert not rows.labels["tags"][~labelled].any()


def test_views_of_a_track_are_adjacent_chunks(library: Library) -> None:
    _, _, rows = seen(library)
    start = rows.ids["start"].reshape(2, -1)
    assert (start[1] - start[0] == 59_535).all()  # 2.7 s
