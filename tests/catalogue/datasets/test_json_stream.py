"""Objects of a JSON array, one after another: as json.loads has them, wherever blocks end."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.catalogue.datasets import json_stream
from contramuse.errors import UserError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None)
@given(
    items=st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=3), max_size=6),
    indent=st.sampled_from([None, 0, 3]),
    plain=st.booleans(),
    block=st.integers(1, 40),
    packed=st.booleans(),
)
def test_the_same_objects_as_read_whole(tmp_path_factory, items, indent, plain, block, packed):
    text = json.dumps(items, indent=indent, ensure_ascii=not plain).encode("utf-8", "surrogatepass")
    file = tmp_path_factory.mktemp("stream") / ("a.json.gz" if packed else "a.json")
    file.write_bytes(gzip.compress(b"\n " + text + b"\n") if packed else b"\n " + text + b"\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "BLOCK", block)
        assert list(json_stream.objects(file, whole="list")) == items


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"does not begin with \["),
        ('{"a": 1}', r"does not begin with \["),
        ("[", "breaks off after 0 objects"),
        ('[{"a": 1}', "breaks off after 1 objects"),
        ('[{"a": 1}, {"b": ', "after 1 objects"),
        ('[{"a": 1}, 7]', "'7' is no object after 1 objects"),
        ('[{"a": 1}, ?]', "after 1 objects"),
    ],
)
def test_what_is_no_array_of_objects_is_told_with_the_place(tmp_path, text, said):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match=said):
        list(json_stream.objects(tmp_path / "a.json", whole="list of songs"))


def test_what_is_no_text_and_what_is_not_there(tmp_path):
    (tmp_path / "a.json").write_bytes(b'[{"a": "\xff\xfe"}]')
    with pytest.raises(UserError, match="no text in UTF-8"):
        list(json_stream.objects(tmp_path / "a.json", whole="list"))
    (tmp_path / "b.json.gz").write_bytes(b"no gzip")
    with pytest.raises(UserError, match="cannot be read"):
        list(json_stream.objects(tmp_path / "b.json.gz", whole="list"))
    with pytest.raises(UserError, match="cannot be read"):
        list(json_stream.objects(tmp_path / "c.json", whole="list"))
