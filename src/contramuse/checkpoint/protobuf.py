"""The fields of a protocol buffer, as ONNX files and TensorFlow's checkpoints hold them, without generated classes.

A message is a row of fields, each a number and a value (https://protobuf.dev/programming-guides/encoding). What a
number means, and whether the bytes of a value are text, a message or packed numbers, is for the caller to know.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, cast, overload

VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5
LONGEST = 10
"""Bytes of the longest varint, of 64 bits."""

Value = int | memoryview


def varint(data: memoryview, place: int) -> tuple[int, int]:
    """The unsigned number that begins at ``place``, and the place after it.

    Raises:
        ValueError: the data end within it, or it has more than 64 bits.
    """
    value = 0
    for count in range(LONGEST):
        if place >= len(data):
            raise ValueError("it ends within a number")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, place
    raise ValueError("it holds a number of more than 64 bits")


def fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Number and value of every field of a message, in order: an int, or the bytes of text, a message, packed numbers.

    Fixed-width numbers are given as unsigned ints of their bits.

    Raises:
        ValueError: it is no message, or is cut.
    """
    place = 0
    while place < len(data):
        tag, place = varint(data, place)
        number, kind = tag >> 3, tag & 7
        if number == 0 or kind not in (VARINT, EIGHT, BYTES, FOUR):
            raise ValueError(f"it holds no field at byte {place}")
        if kind == VARINT:
            value, place = varint(data, place)
            yield number, value
            continue
        size = {EIGHT: 8, FOUR: 4}.get(kind, 0)
        if kind == BYTES:
            size, place = varint(data, place)
        if place + size > len(data):
            raise ValueError("it ends within a field")
        held = data[place : place + size]
        place += size
        yield number, held if kind == BYTES else int.from_bytes(held, "little")


@overload
def every(data: memoryview, number: int, kind: Literal["bytes"]) -> list[memoryview]: ...
@overload
def every(data: memoryview, number: int, kind: Literal["int"]) -> list[int]: ...
def every(data: memoryview, number: int, kind: Literal["bytes", "int"]) -> list[memoryview] | list[int]:
    """All values of field ``number``; "int" unpacks those that are packed.

    Raises:
        ValueError: a value is of the other kind.
    """
    found = [value for field, value in fields(data) if field == number]
    if kind == "bytes":
        if not all(isinstance(value, memoryview) for value in found):
            raise ValueError(f"field {number} is no text or message")
        return cast("list[memoryview]", found)
    numbers: list[int] = []
    for value in found:
        numbers += [value] if isinstance(value, int) else unpacked(value)
    return [value - (1 << 64) if value >= 1 << 63 else value for value in numbers]


def unpacked(data: memoryview) -> list[int]:
    """The unsigned numbers of a packed field."""
    place, found = 0, []
    while place < len(data):
        value, place = varint(data, place)
        found.append(value)
    return found


def text(data: memoryview, number: int) -> str:
    """The last text of field ``number``; "" without one."""
    found = every(data, number, "bytes")
    return bytes(found[-1]).decode("utf-8") if found else ""


def integer(data: memoryview, number: int, default: int = 0) -> int:
    """The last number of field ``number``."""
    found = every(data, number, "int")
    return found[-1] if found else default


def message(data: memoryview, number: int) -> memoryview:
    """The last message of field ``number``; an empty one without it."""
    found = every(data, number, "bytes")
    return found[-1] if found else memoryview(b"")
