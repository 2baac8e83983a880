"""The convolutional encoders export with any number of rows."""

import pytest
import torch

from contramuse.encoders import ENCODERS

CASES = {
    "efficientnet_b0": ({"bands": 32}, (32, 64)),
    "mel_conv": ({"bands": 32, "segment": 1.5, "channels": 8}, (32, 130)),
    "mel_conv_multi": ({"bands": 32, "segment": 1.5, "segments": 3, "channels": 8, "dim": 24}, (32, 282)),
    "resnet18": ({"bands": 32, "channels": 8}, (32, 70)),
    "sc_cnn": ({"bands": 48, "channels": 8}, (48, 600)),
    "short_chunk_res": ({"bands": 32, "channels": 8}, (32, 70)),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CASES)
@torch.no_grad()
def test_any_number_of_rows(kind):
    arguments, shape = CASES[kind]
    torch.manual_seed(0)
    encoder = ENCODERS[kind](**arguments).eval()
    x = torch.randn(5, *shape)
    rows = torch.export.Dim("rows", min=1, max=64)
    program = torch.export.export(encoder, (x[:2],), dynamic_shapes=({0: rows},))
    assert torch.allclose(program.module()(x), encoder(x), atol=1e-6)
