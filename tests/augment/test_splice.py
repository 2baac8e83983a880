import pytest
import torch

from contramuse.augment.splice import PacketLoss, Splice
from contramuse.errors import RecipeError
from signals import LONG, RATE, noise


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def slow_splice(x: torch.Tensor, lengths: list[int], cuts: list[int]) -> torch.Tensor:
    """Piece after piece is cut out of the row, the last first, so that places before it stay right."""
    row = x.tolist()
    gone = [0]
    for length in lengths:
        gone.append(gone[-1] + length)
    for i in reversed(range(len(cuts))):
        begin = sorted(cuts)[i] + gone[i]
        del row[begin : begin + lengths[i]]
    return torch.tensor(row + [0.0] * (len(x) - len(row)))


def test_pieces_are_cut_out_and_the_ends_joined() -> None:
    splice = Splice(sample_rate=RATE, count=(1, 8), fade=0.0)
    x = noise(6)
    params = splice.draw(6, seeded())
    y = splice.apply(x, params)
    for row in range(6):
        counted = int(params["count"][row])
        lengths = [round(float(s) * RATE) for s in params["seconds"][row, :counted]]
        kept = LONG - sum(lengths)
        cuts = [int(place * kept) for place in params["place"][row]]
        # A cut that does not count removes nothing: it only stands among the places.
        expected = slow_splice(x[row, 0], lengths + [0] * (8 - counted), cuts)
        torch.testing.assert_close(y[row, 0], expected)


def test_eight_cuts_of_at_most_100_ms() -> None:
    splice = Splice(sample_rate=RATE)
    x = noise(50) + 3.0
    silent = (splice.apply(x, splice.draw(50, seeded())) == 0).sum((1, 2)) / RATE
    assert silent.min() > 0.1
    assert silent.max() <= 0.8
    assert silent.mean().item() == pytest.approx(0.4, abs=0.05)


def test_the_ends_fade_into_each_other() -> None:
    ramp = torch.linspace(-1, 1, LONG)[None, None].repeat(20, 1, 1)
    splice = Splice(sample_rate=RATE, count=(1, 1), milliseconds=(100.0, 100.0), fade=5.0)
    y = splice.apply(ramp, splice.draw(20, seeded()))
    step = y.diff(dim=2)[y[..., 1:] != 0]
    assert step.max() < 3 * (0.1 * RATE * 2 / LONG) / (0.005 * RATE)


def test_no_more_than_half_of_a_row_is_cut() -> None:
    splice = Splice(sample_rate=RATE, count=(8, 8), milliseconds=(100.0, 100.0))
    x = noise(1, RATE // 2) + 3.0
    kept = (splice.apply(x, splice.draw(1, seeded())) != 0).sum()
    assert kept == pytest.approx(RATE / 4, abs=5)


def test_packets_are_lost_whole_and_as_often_as_said() -> None:
    loss = PacketLoss(sample_rate=8000, share=(0.2, 0.2), milliseconds=10.0)
    x = torch.ones(50, 1, 8000)
    packets = loss.apply(x, loss.draw(50, seeded())).view(50, 100, 80)
    assert torch.equal(packets.amin(2), packets.amax(2))
    assert 1 - packets.mean().item() == pytest.approx(0.2, abs=0.02)


def test_the_last_packet_may_be_short() -> None:
    loss = PacketLoss(sample_rate=8000, share=(1.0, 1.0))
    assert not loss.apply(torch.ones(2, 1, 8001), loss.draw(2, seeded())).any()


def test_impossible_settings_are_named() -> None:
    with pytest.raises(RecipeError, match=r"^share"):
        PacketLoss(sample_rate=RATE, share=(0.5, 1.5))
    with pytest.raises(RecipeError, match=r"^count"):
        Splice(sample_rate=RATE, count=(9, 8))
