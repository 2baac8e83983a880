"""Axes, whiskers and curves hold what they are given; the map is repeatable."""

import itertools
import re
from importlib.resources import files

import numpy as np
import pytest

from contramuse.probes.report.atlas import coordinates
from contramuse.probes.report.charts import axis, label, span_of, ticks, whisker
from contramuse.probes.report.curves import Line, curves, limits, thinned


def cell(value):
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def test_axes_hold_everything_and_have_round_numbers():
    low, high = span_of([cell(0.52), {"value": None, "low": None, "high": None}], 0.1)
    assert low <= 0.1
    assert high >= 0.62
    assert ticks(0, 1) == pytest.approx([0, 0.5, 1])
    assert [label(v, 1.0) for v in (0, -0.0, 0.5, 20000)] == ["0", "0", "0.5", "20k"]
    assert axis(0, 1).count("<text") == 3
    assert span_of([], None) == (0, 1)


def test_curves_survive_constants_nan_and_single_points():
    assert curves([]) == ""
    assert "circle" in curves([Line("a", "s0", [(1, 2)])])
    assert "polyline" in curves([Line("a", "s0", [(1, 2), (2, 2), (3, float("nan"))])])
    assert curves([Line("a", "s0", [])]) == ""
    long = [(float(i), float(i % 7)) for i in range(5000)]
    assert len(thinned(long)) <= 301
    assert thinned(long)[-1] == long[-1]


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_the_map_is_repeatable_and_within_its_frame(n):
    x = np.random.default_rng(0).normal(size=(n, 8)).astype(np.float32)
    where = coordinates(x)
    assert where.shape == (n, 2)
    assert np.isfinite(where).all()
    assert where.min() >= 0
    assert where.max() <= 1
    np.testing.assert_array_equal(where, coordinates(x))


def test_bands_lie_within_the_picture_and_panels_share_an_axis():
    one = Line("a", "m0", [(0, 0.5), (1, 0.7)], [(0, 0.4, 0.6), (1, 0.6, 0.9)])
    low, high = limits([one], 0.2)
    assert low <= 0.2
    assert high >= 0.9
    picture = curves([one], marks=[(0, "clean"), (1, "16")], y=(0.0, 1.0), floor=0.2)
    band = picture.split('class="band m0" points="')[1].split('"')[0]
    heights = [float(point.split(",")[1]) for point in band.split()]
    assert min(heights) > 0
    assert max(heights) < 190
    assert ">clean<" in picture
    assert 'class="floor"' in picture


def test_what_has_no_interval_is_a_dot_alone():
    bare = whisker({"value": 0.5, "low": None, "high": None}, 0, 1, floor=None, css="b0", others=[("m1", 0.2)])
    assert 'class="span"' not in bare
    assert bare.count('class="dot"') == 2
    assert whisker({"value": None, "low": None, "high": None}, 0, 1, floor=None, css="m1").count("dot") == 0


SEEN_BY = {  # Machado, Oliveira and Fernandes 2009, severity 1, linear RGB
    "all cones": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "no long": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no middle": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no short": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(colour, eye):
    """CIELAB of a colour "#rrggbb" as an eye sees it."""
    coded = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(SEEN_BY[eye]) @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    t = to_xyz @ seen / np.array([0.9505, 1, 1.089])
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize("eye", SEEN_BY)
def test_models_are_told_apart_by_every_eye_in_light_and_dark(scheme, eye):
    folder = files("contramuse.probes.report")
    text = "".join(folder.joinpath(name).read_text(encoding="utf-8") for name in ("style.css", "pictures.css"))
    found = re.findall(r"--(m\d):(#\w{6})", text)
    colours = {name: [c for n, c in found if n == name][scheme] for name in dict.fromkeys(n for n, _ in found)}
    assert len(colours) == 6
    for (a, x), (b, y) in itertools.combinations(colours.items(), 2):
        assert np.linalg.norm(lab(x, eye) - lab(y, eye)) > 12, (a, b)
