"""Pictures: what should be alike stands in blocks, and a run's pictures stay few."""

from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from contramuse.rows import Rows
from contramuse.similarity import Dot
from contramuse.strategy import Contrast
from contramuse.targets import Any, Same, Shared
from contramuse.train.pictures import COLOURS, GAP, LINE, SHOWN, SIDE, Pictures, _order, draw

DARK, LIGHT = COLOURS[0].tolist(), COLOURS[-1].tolist()


def seen(n: int) -> tuple[Contrast, dict[str, torch.Tensor], dict[str, Rows]]:
    """Two crops of n tracks of two classes in turn."""
    contrast = Contrast(between=["audio"], target=Any(of=(Same(), Shared(labels="tags"))), similarity=Dot())
    tags = torch.eye(2)[torch.arange(2 * n) % n % 2]
    rows = Rows.of(track=[*range(n)] * 2, view=[0] * n + [1] * n, labels={"tags": tags})
    z = torch.randn(2 * n, 4, generator=torch.Generator().manual_seed(0))
    return contrast, {"audio": z}, {"audio": rows}


def test_panels_show_target_and_candidates_in_blocks() -> None:
    contrast, z, rows = seen(4)
    image = draw({"audio": (contrast, contrast.compared(z, rows))}, step=7)
    assert image.shape == (3 * LINE + SIDE + GAP, 3 * SIDE + 4 * GAP, 3)
    assert image.dtype == np.uint8
    cell, top = SIDE // 8, 2 * LINE + 4

    def colour(panel: int, i: int, j: int) -> list[float]:
        left = GAP + panel * (SIDE + GAP)
        return image[top + i * cell + 2, left + j * cell + 2].tolist()

    for i in range(8):
        for j in range(8):
            assert colour(0, i, j) == (LIGHT if (i < 4) == (j < 4) else DARK)
            assert colour(2, i, j) == (DARK if i == j else LIGHT)


def test_many_rows_are_shown_by_whole_tracks() -> None:
    contrast, z, rows = seen(150)
    queries, keys = _order(contrast, contrast.compared(z, rows))
    assert len(queries) == SHOWN
    assert torch.equal(queries, keys)
    assert len(set((queries % 150).tolist())) == SHOWN // 2


def test_keys_stand_where_their_queries_do() -> None:
    n = 6
    contrast = Contrast(between=["a", "p"], queries=["a"], keys=["p"], target=Same(), similarity=Dot())
    order = torch.randperm(n, generator=torch.Generator().manual_seed(3))
    rows = {"a": Rows.of(track=range(n)), "p": Rows.of(track=order)}
    compared = contrast.compared({"a": torch.eye(n), "p": torch.eye(n)}, rows)
    queries, keys = _order(contrast, compared)
    assert torch.equal(compared.t[queries][:, keys], torch.eye(n))


@settings(max_examples=15, deadline=None)
@given(count=st.integers(1, 60), every=st.integers(1, 500))
def test_few_pictures_are_kept_from_first_to_last(count: int, every: int) -> None:
    import tempfile

    image = np.zeros((2, 2, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        pictures = Pictures(Path(folder), most=5)
        for number in range(count):
            pictures.add(image, step=number * every, loggers=[])
        kept = sorted(int(path.stem.removeprefix("step-")) for path in Path(folder).glob("*.png"))
        assert len(kept) == min(count, 5)
        assert {kept[0], kept[-1]} == {0, (count - 1) * every}
        if count > 5:
            gaps = np.diff(kept) / every
            assert gaps.max() <= 0.75 * count


def test_a_resumed_run_forgets_pictures_of_steps_to_come(tmp_path: Path) -> None:
    image = np.full((3, 4, 3), 200, np.uint8)
    for step in (0, 10, 20, 30):
        Pictures(tmp_path).add(image, step=step, loggers=[])
    Pictures(tmp_path).add(image, step=10, loggers=[])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000.png", "step-000010.png"]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "step-000010.png")), image)
