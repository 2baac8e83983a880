"""Batch normalisation that processes share: what can be said of it without several GPUs."""

from pathlib import Path

import pytest
import torch
from torch import nn

from contramuse.catalogue.library import Library
from contramuse.encoders import ENCODERS
from contramuse.errors import UserError
from contramuse.recipe import load_recipe
from contramuse.train import fit

SETTINGS = [
    "train.steps=2", "train.batch=4", "train.loggers=[csv]", "views.audio.take.seconds=0.5",
    "towers.audio.head={kind: mlp, out: 32, norm: batch}", "train.batch_norm=shared",
]  # fmt: skip


def test_several_processes_on_a_cpu_are_refused(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train.batch_norm: 'shared': needs GPUs where there are several processes"):
        fit(load_recipe("tiny", SETTINGS), library, tmp_path / "run", devices=2, accelerator="cpu")
    assert not (tmp_path / "run").exists()


def test_one_process_shares_with_nobody(library: Library, tmp_path: Path) -> None:
    shared = fit(load_recipe("tiny", SETTINGS), library, tmp_path / "shared", accelerator="cpu")
    own = fit(load_recipe("tiny", [*SETTINGS, "train.batch_norm=own"]), library, tmp_path / "own", accelerator="cpu")
    assert shared.losses == own.losses


@pytest.mark.parametrize(
    ("name", "bands", "shape"),
    [("sample_cnn", 1, (3, 1, 59049)), ("short_chunk_res", 128, (3, 128, 128)), ("efficientnet_b0", 64, (3, 64, 98))],
)
def test_converted_encoders_compute_the_same(name: str, bands: int, shape: tuple[int, ...]) -> None:
    """Outside of a group of processes SyncBatchNorm is BatchNorm; names of weights stay, so models can be exchanged."""
    torch.manual_seed(0)
    encoder = ENCODERS[name](bands=bands)
    state = {key: value.clone() for key, value in encoder.state_dict().items()}
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(ENCODERS[name](bands=bands))
    assert not any(isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)) for m in converted.modules())
    converted.load_state_dict(state)
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(1))
    outputs = [one.train()(x, torch.Generator().manual_seed(2)) for one in (encoder, converted)]
    torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-4)
    for key, value in encoder.state_dict().items():
        torch.testing.assert_close(converted.state_dict()[key], value, rtol=1e-4, atol=1e-5, msg=key)
    torch.testing.assert_close(encoder.eval()(x), converted.eval()(x), rtol=1e-4, atol=1e-4)
