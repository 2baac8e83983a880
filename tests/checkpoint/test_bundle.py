"""TensorFlow's checkpoint files, written here by their public description."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.checkpoint.bundle import Bundle, _table, crc32c, masked, prefix_of
from contramuse.errors import ModelFileError
from miniproto import crc32c as slow_crc32c
from miniproto import table, write_checkpoint


def test_checksums_of_rfc_3720():
    known = {
        bytes(32): 0x8A9136AA, b"\xff" * 32: 0x62A8AB43, bytes(range(32)): 0x46DD794E,
        bytes(range(31, -1, -1)): 0x113FDB5C, b"123456789": 0xE3069283, b"": 0,
    }  # fmt: skip
    assert {data: crc32c(data) for data in known} == known
    assert masked(0) == 0xA282EAD8


@given(st.integers(0, 5000), st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_checksums_of_any_length(length, seed):
    data = np.random.default_rng(seed).bytes(length)
    assert crc32c(data) == slow_crc32c(data)


NAMES = st.lists(st.text("ab/._-0", min_size=0, max_size=9), min_size=0, max_size=40, unique=True)


@given(NAMES, st.integers(1, 9), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_tables(names, rows, restart):
    entries = {name.encode(): bytes([place % 251]) * (place % 5) for place, name in enumerate(names)}
    found = {
        key.encode(): bytes(value) for key, value in _table(memoryview(table(entries, rows=rows, restart=restart)))
    }
    assert found == entries


VALUES = {
    "model/a/kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "model/a/bias": np.array([1.5, -2.0]),
    "model/count": np.array(7, np.int64),
    "model/none": np.zeros((0, 3), np.float32),
    "save_counter": np.array(3, np.int32),
}


@pytest.fixture
def prefix(tmp_path):
    write_checkpoint(tmp_path / "checkpoint-7", VALUES)
    return tmp_path / "checkpoint-7"


def test_every_tensor(prefix):
    bundle = Bundle(prefix)
    assert set(bundle.entries) == {*VALUES, "_CHECKPOINTABLE_OBJECT_GRAPH"}
    for name, value in VALUES.items():
        assert torch.equal(bundle[name], torch.from_numpy(np.array(value)))


def test_names_of_a_checkpoint(prefix, tmp_path):
    files = [prefix, prefix.with_name("checkpoint-7.index"), prefix.with_name("checkpoint-7.data-00000-of-00001")]
    assert [prefix_of(file) for file in files] == [prefix] * 3
    assert prefix_of(str(prefix)) == prefix
    (tmp_path / "other.pt").write_bytes(b"x")
    assert prefix_of(tmp_path / "other.pt") is None
    assert prefix_of(tmp_path) is None
    assert prefix_of(tmp_path / "absent.index") is None


def test_text_is_no_number(prefix):
    with pytest.raises(ModelFileError, match="type that is not read"):
        Bundle(prefix)["_CHECKPOINTABLE_OBJECT_GRAPH"]


def test_a_missing_or_cut_data_file(prefix):
    data = prefix.with_name("checkpoint-7.data-00000-of-00001")
    whole = data.read_bytes()
    data.write_bytes(whole[:40])
    with pytest.raises(ModelFileError, match="ends before model/a/kernel"):
        Bundle(prefix)["model/a/kernel"]
    data.unlink()
    with pytest.raises(ModelFileError, match=r"no such file.*beside the \.index"):
        Bundle(prefix)["model/a/kernel"]


def test_a_changed_weight_does_not_have_its_checksum(prefix):
    data = prefix.with_name("checkpoint-7.data-00000-of-00001")
    whole = bytearray(data.read_bytes())
    whole[20] ^= 1
    data.write_bytes(bytes(whole))
    with pytest.raises(ModelFileError, match="model/a/kernel does not have its checksum"):
        Bundle(prefix)["model/a/kernel"]
    assert torch.equal(Bundle(prefix)["save_counter"], torch.tensor(3, dtype=torch.int32))


def test_changed_bytes_of_the_index_are_noticed_or_harmless(prefix):
    index = prefix.with_name("checkpoint-7.index")
    whole, noticed = index.read_bytes(), 0
    places = range(0, len(whole), 3)
    for place in places:
        broken = bytearray(whole)
        broken[place] ^= 0x41
        index.write_bytes(bytes(broken))
        try:
            bundle = Bundle(prefix)
            for name, value in VALUES.items():
                assert torch.equal(bundle[name], torch.from_numpy(np.array(value)))
        except ModelFileError:
            noticed += 1
    assert noticed > 0.8 * len(places)  # what is left is the unused padding of the footer, and the empty block


@pytest.mark.parametrize("kept", [0, 1, 47, 48, 60, 0.5, 0.99])
def test_a_cut_index(kept, prefix):
    index = prefix.with_name("checkpoint-7.index")
    whole = index.read_bytes()
    index.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    with pytest.raises(ModelFileError, match="damaged or cut"):
        Bundle(prefix)
