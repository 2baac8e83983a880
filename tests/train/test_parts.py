"""The loss taken apart: what is logged of labelled and unlabelled rows is what these rows alone would give."""

import pytest
import torch

from contramuse.objective import OtherView, SogCLR
from contramuse.rows import Rows
from contramuse.similarity import Cosine
from contramuse.strategy import Contrast, Strategy
from contramuse.targets import Any, Same, Shared
from contramuse.train.parts import contrast_names, each_loss, taken_apart


def batch(labelled: list[int]) -> tuple[torch.Tensor, Rows]:
    """Two crops of as many tracks as ``labelled`` has; unlabelled rows carry no tags."""
    generator, n = torch.Generator().manual_seed(0), len(labelled)
    tags = torch.rand(n, 3, generator=generator).round() * torch.tensor(labelled)[:, None]
    rows = Rows.of(
        track=[*range(n), *range(n)], view=[0] * n + [1] * n, labelled=labelled * 2,
        labels={"tags": torch.cat([tags, tags])},
    )  # fmt: skip
    return torch.randn(2 * n, 4, generator=generator), rows


def semisupervised(**more: object) -> Contrast:
    target = Any(of=(Same(), Shared(labels="tags")))
    return Contrast(between=["audio"], target=target, similarity=Cosine(temperature=0.3), **more)


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_parts_are_the_losses_of_these_rows_alone(weight: float) -> None:
    z, rows = batch([1, 1, 1, 0, 0, 0, 0])
    contrast = semisupervised(weight=weight)
    found = taken_apart(Strategy([contrast]), {"audio": z}, {"audio": rows})
    assert set(found) == {"loss_supervised", "loss_self_supervised", "positives"}
    for name, kind in (("loss_supervised", 1), ("loss_self_supervised", 0)):
        of_kind = rows.ids["labelled"] == kind
        alone = contrast.loss({"audio": z[of_kind]}, {"audio": rows[of_kind]})
        assert float(found[name]) == pytest.approx(weight * float(alone), abs=1e-6)


def test_share_of_positives_in_slow_loops() -> None:
    z, rows = batch([1, 1, 0, 0])
    found = taken_apart(Strategy([semisupervised()]), {"audio": z}, {"audio": rows})
    tags, track, positive = rows.labels["tags"], rows.ids["track"], 0
    for i in range(8):
        for j in range(8):
            positive += i != j and bool(track[i] == track[j] or (tags[i] * tags[j]).sum() > 0)
    assert float(found["positives"]) == pytest.approx(positive / 56)


@pytest.mark.parametrize(("labelled", "names"), [([1] * 4, set()), ([0] * 4, {"loss_self_supervised"})])
def test_nothing_is_told_apart_where_all_labels_are_seen(labelled: list[int], names: set[str]) -> None:
    z, rows = batch(labelled)
    found = taken_apart(Strategy([semisupervised()]), {"audio": z}, {"audio": rows})
    assert set(found) - {"positives"} == names
    if names:
        assert float(found["loss_self_supervised"]) == pytest.approx(
            float(semisupervised().loss({"audio": z}, {"audio": rows})), abs=1e-6
        )


def test_nothing_learns_from_looking() -> None:
    z, rows = batch([1, 1, 0, 0])
    strategy = Strategy([semisupervised(objective=SogCLR()), semisupervised(queue=6)])
    strategy.losses({"audio": z}, {"audio": rows})
    before = {name: value.clone() for name, value in strategy.state_dict().items()}
    taken_apart(strategy, {"audio": z}, {"audio": rows})
    assert all(torch.equal(value, before[name]) for name, value in strategy.state_dict().items())
    assert all(module.training for module in strategy.modules())


def test_names_of_contrasts() -> None:
    def between(*names: str) -> Contrast:
        return Contrast(between=names, target=Same(), similarity=Cosine(), candidates=[OtherView()])

    strategy = Strategy(
        [between("audio", "cf"), between("a.key", "b.key"), between("audio"), between("audio.x"), between("audio")]
    )
    assert contrast_names(strategy) == ["audio_cf", "key", "audio", "audio_x", "audio_2"]
    assert list(each_loss(strategy, [torch.ones(())] * 5)) == [f"loss_{name}" for name in contrast_names(strategy)]
    assert each_loss(Strategy([between("audio")]), [torch.ones(())]) == {}
