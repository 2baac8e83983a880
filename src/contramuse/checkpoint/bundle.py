"""TensorFlow's checkpoints (``NAME.index`` and ``NAME.data-00000-of-00001``), read without TensorFlow.

The index is a sorted table as LevelDB writes it (https://github.com/google/leveldb/blob/main/doc/table_format.md):
blocks of entries whose keys share their beginnings, an index block of where the others lie, and a footer. Its entries
map the name of each tensor to a small message: type, shape, and where in the data file the values are. Checksums
(CRC-32C) of blocks and tensors are checked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from contramuse.checkpoint.protobuf import every, integer, message, varint
from contramuse.errors import ModelFileError

MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
FOOTER, TRAILER = 48, 5
TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}
"""TensorFlow's types of numbers that are read -> numpy's."""
POLYNOMIAL = 0x82F63B78
LANE = 256
"""Bytes of a piece; a checksum is made of many pieces at once."""
GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


@dataclass(frozen=True)
class Entry:
    """Where a tensor is: its type, shape, data file, first byte, bytes, and checksum."""

    kind: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int


def prefix_of(file: str | Path) -> Path | None:
    """The name that a checkpoint's files share, from it or from one of them; None where there is no such checkpoint."""
    path = Path(file)
    stem = re.sub(r"\.(index|data-\d{5}-of-\d{5})$", "", path.name)
    if stem == path.name and path.exists():
        return None
    return path.with_name(stem) if stem and path.with_name(f"{stem}.index").is_file() else None


class Bundle:
    """The tensors of a checkpoint by name, read when they are asked for.

    Args:
        prefix: the name that its files share, see :func:`prefix_of`.

    Raises:
        ModelFileError: the index is damaged or cut.
    """

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.index = prefix.with_name(f"{prefix.name}.index")
        try:
            found = dict(_table(memoryview(self.index.read_bytes())))
            header = found.pop("", memoryview(b""))
            self.shards = integer(header, 1)
            if integer(header, 2) != 0:
                raise ValueError("its numbers are big-endian")
            self.entries = {name: _entry(data) for name, data in found.items()}
        except (OSError, ValueError) as error:
            raise self._damaged(str(error), self.index) from error

    def _damaged(self, problem: str, file: Path) -> ModelFileError:
        return ModelFileError(
            f"is damaged or cut ({problem})", name="checkpoint", value=file, fix="Download both files again."
        )

    def __getitem__(self, name: str) -> Tensor:
        """The tensor ``name``, as it was stored.

        Raises:
            ModelFileError: the data file is absent or cut, or the values do not have the stored checksum.
        """
        entry = self.entries[name]
        file = self.prefix.with_name(f"{self.prefix.name}.data-{entry.shard:05d}-of-{self.shards:05d}")
        if entry.kind not in TYPES:
            raise self._damaged(f"{name} is of a type that is not read", self.index)
        if math.prod(entry.shape) * np.dtype(TYPES[entry.kind]).itemsize != entry.size:
            raise self._damaged(f"{name} has {entry.size} bytes for the shape {list(entry.shape)}", self.index)
        try:
            with open(file, "rb") as stream:
                stream.seek(entry.offset)
                data = stream.read(entry.size)
        except FileNotFoundError as error:
            fix = "The weights are in this file: put it beside the .index file."
            raise ModelFileError("there is no such file", name="checkpoint", value=file, fix=fix) from error
        except OSError as error:
            raise self._damaged(error.strerror or str(error), file) from error
        if len(data) != entry.size:
            raise self._damaged(f"it ends before {name}", file)
        if masked(crc32c(data)) != entry.checksum:
            raise self._damaged(f"{name} does not have its checksum", file)
        values = np.frombuffer(data, TYPES[entry.kind]).reshape(entry.shape)
        return torch.from_numpy(values.copy())


def _entry(data: memoryview) -> Entry:
    shape = tuple(integer(axis, 1) for axis in every(message(data, 2), 2, "bytes"))
    if every(data, 7, "bytes"):
        raise ValueError("a tensor is stored in slices")
    shard, offset, size = (integer(data, number) for number in (3, 4, 5))
    if min((shard, offset, size, *shape)) < 0:
        raise ValueError("a tensor lies before the file")
    return Entry(integer(data, 1), shape, shard, offset, size, integer(data, 6))


def _table(data: memoryview) -> Iterator[tuple[str, memoryview]]:
    """Every key and value of a sorted table."""
    if len(data) < FOOTER or bytes(data[-8:]) != MAGIC:
        raise ValueError("it has no footer")
    handles, place = [], 0
    for _ in range(4):  # first byte and bytes of the index of metadata, and of that of blocks
        number, place = varint(data[-FOOTER:], place)
        handles.append(number)
    for _, handle in _block(data, handles[2], handles[3]):
        first, place = varint(handle, 0)
        for key, value in _block(data, first, varint(handle, place)[0]):
            yield key.decode("utf-8"), value


def _block(data: memoryview, first: int, size: int) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values of one block, whose checksum is checked."""
    if first + size + TRAILER > len(data) - FOOTER or size < 4:
        raise ValueError("a block lies behind its end")
    block, trailer = data[first : first + size], data[first + size : first + size + TRAILER]
    if masked(crc32c(bytes(block) + bytes(trailer[:1]))) != int.from_bytes(trailer[1:], "little"):
        raise ValueError("a block does not have its checksum")
    if trailer[0] != 0:
        raise ValueError("its blocks are compressed")
    restarts = int.from_bytes(block[-4:], "little")
    end, place, key = size - 4 * (restarts + 1), 0, b""
    if end < 0:
        raise ValueError("a block is too short")
    block = block[:end]
    while place < end:
        shared, place = varint(block, place)
        own, place = varint(block, place)
        length, place = varint(block, place)
        if shared > len(key) or place + own + length > end:
            raise ValueError("an entry lies behind the end of its block")
        key = key[:shared] + bytes(block[place : place + own])
        yield key, block[place + own : place + own + length]
        place += own + length


@cache
def _bytes_table() -> NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> 1) ^ np.where(table & 1, np.uint32(POLYNOMIAL), np.uint32(0))
    return table


@cache
def _skip_table(count: int) -> NDArray[np.uint32]:
    """What ``count`` zero bytes make of each byte of a register, [4 256]: the register is linear in its bits."""
    table = _bytes_table()
    registers = (np.arange(256, dtype=np.uint32)[None] << (8 * np.arange(4, dtype=np.uint32))[:, None]).astype(
        np.uint32
    )
    for _ in range(count):
        registers = (registers >> 8) ^ table[registers & 0xFF]
    return registers


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli, RFC 3720) of ``data``; pieces of 256 bytes go side by side through numpy."""
    whole = len(data) // LANE * LANE
    table, register = _bytes_table(), 0xFFFFFFFF
    if whole:
        lanes = np.frombuffer(data, np.uint8, whole).reshape(-1, LANE).T
        registers = np.zeros(lanes.shape[1], np.uint32)
        for column in np.ascontiguousarray(lanes):
            registers = (registers >> 8) ^ table[(registers ^ column) & 0xFF]
        skip = _skip_table(LANE).tolist()
        for piece in registers.tolist():
            moved = [skip[byte][register >> (8 * byte) & 0xFF] for byte in range(4)]
            register = moved[0] ^ moved[1] ^ moved[2] ^ moved[3] ^ piece
    steps = table.tolist()
    for value in data[whole:]:
        register = (register >> 8) ^ steps[(register ^ value) & 0xFF]
    return register ^ 0xFFFFFFFF


def masked(checksum: int) -> int:
    """A checksum as it is stored beside what it is of: turned by 15 bits, and a constant added."""
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF
