"""docs/encoders.md names every encoder and head, and nothing else; its sizes are right."""

import re
from pathlib import Path

import pytest

from contramuse.encoders import ENCODERS, HEADS
from contramuse.encoders.sample_cnn import STRIDES

PAGE = (Path(__file__).parents[2] / "docs" / "encoders.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]
BANDS = {"mel_conv": 96, "mel_conv_multi": 96, "efficientnet_b0": 64, "sc_cnn": 48, "resnet18": 48}
WIDTHS = {"dense": 301, "tag_attention": 249}


def kind_of(row):
    return re.match(r"`(\w+)`", row[0]).group(1)


def test_every_encoder_and_head_is_there():
    named = {kind_of(row) for row in ROWS if row[0].startswith("`")}
    assert named == ENCODERS.keys() | HEADS.keys()


@pytest.mark.parametrize("row", [r for r in ROWS if r[0].startswith("`") and len(r) == 5], ids=lambda row: row[0])
def test_sizes(row):
    kind = kind_of(row)
    heard = kind not in ("dense", "table", "tag_attention", "tag_mean")
    settings = {"bands": BANDS.get(kind, 128)} if heard else {"width": WIDTHS.get(kind, 1)}
    if kind in ("sample_cnn", "tune_plus", "cpc_conv"):
        settings["bands"] = 1
    if "xl" in row[0]:
        settings["size"] = "xl"
    encoder = ENCODERS[kind](**settings)
    vector, parameters = (row[1], row[2]) if heard else (row[2], row[3])
    assert encoder.dim == product_of(vector)
    if found := re.match(r"[\d,]+", parameters):
        assert sum(p.numel() for p in encoder.parameters()) == int(found.group().replace(",", ""))


def product_of(text):
    """ "5 x 128" -> 640."""
    product = 1
    for factor in text.replace(",", "").split(" x "):
        product *= int(factor)
    return product


def test_strides():
    rows = [row for row in ROWS if row[0].startswith(("22k", "16k", "8k"))]
    assert len(rows) == len(STRIDES)
    for row in rows:
        rate, samples = (int(re.match(r"[\d,]+", row[i]).group().replace(",", "")) for i in (1, 3))
        strides = [int(n) for n in re.findall(r"\d+", row[2])]
        assert tuple(strides) == STRIDES[rate]
        assert ENCODERS["sample_cnn"](bands=1, strides=strides).samples == samples
        assert f"({samples / rate:.3f} s)" in row[3]
