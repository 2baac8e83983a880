"""Two processes standardise by the statistics of the one large batch."""

import torch
import torch.multiprocessing as mp
from torch import distributed

from contramuse.encoders.mel_transformer import Standardise


def batches() -> torch.Tensor:
    """Two batches of eight rows, the second half of each unlike the first: [2 8 3 5]."""
    x = torch.randn(2, 8, 3, 5, generator=torch.Generator().manual_seed(0))
    return x + torch.arange(8).div(4, rounding_mode="floor")[None, :, None, None] * 6 - 8


def work(number: int, processes: int, folder: str) -> None:
    distributed.init_process_group("gloo", f"file://{folder}/store", rank=number, world_size=processes)
    layer, part = Standardise(bands=3), slice(number * 8 // processes, (number + 1) * 8 // processes)
    out = torch.stack([layer(batch[part]) for batch in batches()])
    torch.save({"out": out, **layer.state_dict()}, f"{folder}/{number}.pt")
    distributed.destroy_process_group()


def test_two_processes_see_one_large_batch(tmp_path):
    one = Standardise(bands=3)
    expected = torch.stack([one(batch) for batch in batches()])
    mp.spawn(work, args=(2, str(tmp_path)), nprocs=2)
    results = [torch.load(tmp_path / f"{number}.pt", weights_only=True) for number in range(2)]
    torch.testing.assert_close(torch.cat([r["out"] for r in results], dim=1), expected, atol=1e-5, rtol=1e-5)
    for name, value in one.state_dict().items():
        for result in results:
            torch.testing.assert_close(result[name], value, atol=1e-5, rtol=1e-5)
