"""Plain values in pickles: what Python writes is read alike, and nothing else is."""

from __future__ import annotations

import pickle
import pickletools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from contramuse.catalogue.datasets.pickled import read_pickled
from contramuse.errors import UserError

PLAIN = some.recursive(
    some.integers() | some.text(max_size=300),
    lambda inner: some.lists(inner, max_size=5) | some.dictionaries(some.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=40, deadline=None)
@given(PLAIN, some.integers(0, pickle.HIGHEST_PROTOCOL))
def test_every_plain_value_of_every_protocol_is_read_as_pickle_would(tmp_path_factory, value, protocol):
    file = tmp_path_factory.getbasetemp() / "value.pkl"
    file.write_bytes(pickle.dumps([value, value], protocol))
    assert read_pickled(file) == [value, value]


def test_pickles_of_python_2_are_read(tmp_path):
    file = tmp_path / "list.cP"
    file.write_bytes(b"(dp1\nS'TRMMMYQ128F932D901'\np2\nS'7032331'\np3\nsS'TRMMMKD128F425225D'\np4\nI1514808\ns.")
    assert read_pickled(file) == {"TRMMMYQ128F932D901": "7032331", "TRMMMKD128F425225D": 1514808}
    file.write_bytes(b"(lp1\nS'0/a.npy'\np2\naS'0/b.npy'\np3\na.")
    assert read_pickled(file) == ["0/a.npy", "0/b.npy"]
    file.write_bytes(b"\x80\x02}q\x01(U\x03abcq\x02K\x07U\x01dq\x03h\x02u.")
    assert read_pickled(file) == {"abc": 7, "d": "abc"}


@pytest.mark.parametrize("value", [1.5, (1, 2), {1, 2}, None, True, b"bytes", pickle.PickleError, print, object()])
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_anything_else_is_refused(tmp_path, value, protocol):
    file = tmp_path / "value.pkl"
    file.write_bytes(pickle.dumps([value], protocol))
    if protocol == 0 and value is True:
        return  # written as the number 1
    with pytest.raises(UserError, match=r"could run code.*at byte|at byte \d+.*could run code"):
        read_pickled(file)


def test_instructions_that_could_run_code_are_all_refused():
    from contramuse.catalogue.datasets import pickled

    taken = pickled._VALUES | set(pickled._MAKERS) | pickled._IGNORED
    running = {"GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "PERSID",
               "BINPERSID", "EXT1", "EXT2", "EXT4"}  # fmt: skip
    assert running <= {code.name for code in pickletools.opcodes}
    assert not running & taken


@pytest.mark.parametrize("content", [b"", b".", b"hello", b"(lp1\nS'0/a.npy'\n", b"a.", b"]K\x01K\x02e.", b"h\x05.",
                                     b"K\x01K\x02a.", b"}(K\x01u."])  # fmt: skip
def test_what_is_cut_off_or_no_pickle_is_told(tmp_path, content):
    file = tmp_path / "value.pkl"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"value\.pkl.*cut off"):
        read_pickled(file)


def test_every_cut_of_a_pickle_is_told(tmp_path):
    file = tmp_path / "value.pkl"
    for protocol in (0, 4):
        whole = pickle.dumps({"TRMMMYQ128F932D901": 7032331, "x": ["y"]}, protocol)
        for end in range(len(whole)):
            file.write_bytes(whole[:end])
            with pytest.raises(UserError, match="cut off"):
                read_pickled(file)
    with pytest.raises(UserError, match="cannot be read"):
        read_pickled(tmp_path / "none.pkl")
