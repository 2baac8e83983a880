"""Sizes of the encoders and heads that read waveforms, sequences, vectors and tags, as the publications state them."""

import pytest
import torch
from tests.encoders.plain_sample_cnn import plain_sample_cnn

from contramuse.encoders import ENCODERS, HEADS
from contramuse.encoders.sample_cnn import STRIDES, XL


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_a_1_5_sample_cnn_has_2368512_parameters_and_2394162_with_50_tags():
    assert count(ENCODERS["sample_cnn"](bands=1)) == 2_368_512
    assert count(ENCODERS["sample_cnn"](bands=1)) + count(HEADS["linear"](dim_in=512, out=50)) == 2_394_162


@pytest.mark.parametrize(("rate", "samples"), [(22050, [59049]), (16000, [43740, 43470]), (8000, [20736])])
def test_a_1_5_strides_of_other_rates_leave_512_numbers(rate, samples):
    encoder = ENCODERS["sample_cnn"](bands=1, strides=STRIDES[rate]).eval()
    with torch.no_grad():
        for length in samples:
            assert encoder(torch.zeros(1, 1, length)).shape == (1, 512)


def test_a_1_5_sample_cnn_xl_has_25_3_million_parameters_with_50_tags():
    encoder = ENCODERS["sample_cnn"](bands=1, size="xl")
    assert encoder.dim == 2048
    assert count(encoder) == 25_190_400
    assert count(plain_sample_cnn(classes=50, channels=XL)) == 25_292_850
    assert count(encoder) + count(HEADS["linear"](dim_in=2048, out=50)) == 25_292_850


def test_a_2_6_tune_plus_has_2_22_million_parameters_and_512_numbers():
    encoder = ENCODERS["tune_plus"](bands=1)
    assert count(encoder) == 2_220_390
    assert encoder.dim == 512


def test_a_1_11_cpc_encoder_has_seven_convolutions_of_512():
    assert count(ENCODERS["cpc_conv"](bands=1)) == 5_775_872


@pytest.mark.parametrize(("layers", "linear"), [(2, 512 * 512 + 512 * 64), (3, 2 * 512 * 512 + 512 * 64)])
def test_a_1_5_projector_has_no_biases(layers, linear):
    assert count(HEADS["mlp"](dim_in=512, out=64, layers=layers)) == linear


def test_a_appendix_byol_projects_to_256_over_4096():
    projector, predictor = HEADS["predictor"](dim_in=512), HEADS["predictor"](dim_in=256)
    assert projector.dim == predictor.dim == 256
    assert count(predictor) == (256 * 4096 + 4096) + 2 * 4096 + (4096 * 256 + 256)
    assert count(projector) - count(predictor) == 256 * 4096


def test_b_1_7_cpc_module_has_99072_and_66048_parameters():
    (level,) = HEADS["cpc"](dim_in=128).levels
    assert count(level.gru) == 99_072
    assert count(level.predictors) == 66_048
    assert count(HEADS["cpc"](dim_in=128, levels=5)) == 5 * (99_072 + 66_048)


def test_b_1_7_cpc_weights_are_drawn_by_fan_out():
    torch.manual_seed(0)
    (level,) = HEADS["cpc"](dim_in=128).levels
    assert abs(level.gru.weight_ih_l0.std().item() - (2 / 384) ** 0.5) < 2e-3
    assert abs(level.gru.weight_hh_l0.std().item() - (2 / 384) ** 0.5) < 2e-3
    assert abs(level.predictors[2].weight.std().item() - (2 / 128) ** 0.5) < 4e-3


def test_b_2_7_projection_has_147712_parameters():
    assert count(HEADS["mlp"](dim_in=1024, hidden=128, out=128, bias="all")) == 147_712


def test_b_2_7_cf_encoder_has_55424_parameters():
    assert count(ENCODERS["dense"](width=301)) == 55_424


def test_b_2_7_genre_encoder_has_294400_parameters():
    encoder = ENCODERS["tag_attention"](width=249)
    assert encoder.table.weight.shape == (250, 128)
    assert count(encoder) == 294_400


def test_b_2_7_downstream_model_is_an_mlp_with_biases():
    assert count(HEADS["mlp"](dim_in=1024, hidden=160, out=50, bias="all")) == 1024 * 160 + 160 + 160 * 50 + 50


def test_b_3_5_head_is_linear_layer_norm_tanh():
    head = HEADS["norm_tanh"](dim_in=1280)
    assert head.dim == 512
    assert count(head) == 1280 * 512 + 512 + 2 * 512
    assert head(torch.randn(4, 1280) * 9).abs().max() <= 1
