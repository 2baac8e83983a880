import pytest
import torch

from contramuse.augment.cut import Crop, Reverse
from contramuse.errors import RecipeError
from signals import noise


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_reverse_is_backwards_and_its_own_inverse() -> None:
    x, reverse = noise(3, 100), Reverse()
    params = reverse.draw(3, seeded())
    assert torch.equal(reverse.apply(x, params), x.flip(-1))
    assert torch.equal(reverse.apply(reverse.apply(x, params), params), x)


def test_a_crop_is_a_part_of_the_row_somewhere_else() -> None:
    x = torch.arange(1.0, 1001.0).repeat(200, 1)[:, None]
    crop = Crop(share=(0.3, 0.6))
    y = crop.apply(x, crop.draw(200, seeded()))[:, 0]
    lengths, moves = [], []
    for row in y:
        place = row.nonzero().flatten()
        assert place[-1] - place[0] + 1 == len(place)
        assert (row[place].diff() == 1).all()
        lengths.append(len(place))
        moves.append(row[place[0]].item() - 1 - place[0].item())
    assert 300 <= min(lengths) < 320
    assert 580 < max(lengths) <= 600
    assert min(moves) < -300
    assert max(moves) > 300


def test_a_whole_crop_changes_nothing() -> None:
    x, crop = noise(3, 1000), Crop(share=(1.0, 1.0))
    assert torch.equal(crop.apply(x, crop.draw(3, seeded())), x)


def test_impossible_settings_are_named() -> None:
    with pytest.raises(RecipeError, match=r"^share: .1\.2"):
        Crop(share=(0.5, 1.2))
