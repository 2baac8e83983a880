"""Protocol buffers written byte by byte, and with them ONNX files and TensorFlow's checkpoints."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

ONNX_TYPES = {"float32": 1, "int64": 7, "float64": 11}
TENSORFLOW_TYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9}
MAGIC = 0xDB4775248B80FB57


def varint(value: int) -> bytes:
    value, out = value & (1 << 64) - 1, b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def held(field: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def fixed(field: int, value: int | float) -> bytes:
    return varint(field << 3 | 5) + (struct.pack("<f", value) if isinstance(value, float) else struct.pack("<I", value))


def tensor(name: str, value: np.ndarray, *, packed: str = "raw") -> bytes:
    """An ONNX tensor, its values as raw bytes or one by one ("listed")."""
    out = b"".join(number(1, size) for size in value.shape) + number(2, ONNX_TYPES[value.dtype.name]) + held(8, name)
    if packed == "raw":
        return out + held(9, np.ascontiguousarray(value).tobytes())
    return out + held(4, np.ascontiguousarray(value, "<f4").tobytes())


def node(op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: object) -> bytes:
    out = b"".join(held(1, name) for name in inputs) + b"".join(held(2, name) for name in outputs)
    out += held(3, f"{op}_{outputs[0]}") + held(4, op)
    for name, value in attributes.items():
        if isinstance(value, float):
            content = fixed(2, value) + number(20, 1)
        elif isinstance(value, int):
            content = number(3, value) + number(20, 2)
        elif isinstance(value, bytes):
            content = held(5, value) + number(20, 4)
        else:
            content = b"".join(number(8, one) for one in value) + number(20, 7)
        out += held(5, held(1, name) + content)
    return out


def value_info(name: str, shape: Sequence[int]) -> bytes:
    axes = b"".join(held(1, number(1, size)) for size in shape)
    return held(1, name) + held(2, held(1, number(1, 1) + held(2, axes)))


def onnx_file(nodes: Sequence[bytes], weights: Sequence[bytes], *, takes: bytes, gives: bytes) -> bytes:
    graph = b"".join(held(1, one) for one in nodes) + held(2, "torch-jit-export")
    graph += b"".join(held(5, one) for one in weights) + held(11, takes) + held(12, gives)
    return number(1, 7) + held(2, "pytorch") + held(3, "1.9") + held(7, graph) + held(8, number(2, 13))


def crc32c(data: bytes) -> int:
    """Bit by bit, as RFC 3720 says."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def masked(checksum: int) -> int:
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def table(entries: Mapping[bytes, bytes], *, rows: int = 16, restart: int = 4) -> bytes:
    """A sorted table: blocks of ``rows`` entries whose keys share beginnings, an empty one, an index, a footer."""
    out, index = b"", {}
    keys = sorted(entries)
    for start in range(0, len(keys), rows):
        some = {key: entries[key] for key in keys[start : start + rows]}
        content = block(some, restart)
        index[keys[min(start + rows, len(keys)) - 1]] = varint(len(out)) + varint(len(content))
        out += sealed(content)
    handles = b""
    for content in (block({}, restart), block(index, 1)):
        handles += varint(len(out)) + varint(len(content))
        out += sealed(content)
    return out + handles.ljust(40, b"\0") + MAGIC.to_bytes(8, "little")


def block(entries: Mapping[bytes, bytes], restart: int) -> bytes:
    out, before, restarts = b"", b"", []
    for place, (key, value) in enumerate(entries.items()):
        shared = 0
        if place % restart == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    restarts = restarts or [0]
    return out + b"".join(struct.pack("<I", at) for at in (*restarts, len(restarts)))


def sealed(content: bytes) -> bytes:
    return content + b"\0" + struct.pack("<I", masked(crc32c(content + b"\0")))


def write_checkpoint(prefix: Path, values: Mapping[str, np.ndarray], *, checksum=crc32c) -> None:
    """``values`` as TensorFlow writes a checkpoint, with the object graph that comes with every one."""
    data, entries = b"", {b"": number(1, 1) + held(3, number(1, 1))}
    for name, value in sorted(values.items()):
        raw = np.ascontiguousarray(value).tobytes()
        shape = b"".join(held(2, number(1, size)) for size in value.shape)
        entries[name.encode()] = (
            number(1, TENSORFLOW_TYPES[value.dtype.name]) + held(2, shape) + (number(4, len(data)) if data else b"")
            + number(5, len(raw)) + fixed(6, masked(checksum(raw)))
        )  # fmt: skip
        data += raw
    graph = b"\x05graph"
    entries[b"_CHECKPOINTABLE_OBJECT_GRAPH"] = (
        number(1, 7) + held(2, b"") + number(4, len(data)) + number(5, len(graph)) + fixed(6, masked(crc32c(graph)))
    )
    prefix.parent.mkdir(parents=True, exist_ok=True)
    prefix.with_name(f"{prefix.name}.index").write_bytes(table(entries))
    prefix.with_name(f"{prefix.name}.data-00000-of-00001").write_bytes(data + graph)
