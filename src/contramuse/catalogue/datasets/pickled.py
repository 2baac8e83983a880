"""Reading the plain values of a pickle without running it: for lists and mappings that were published as pickles.

A pickle is a program. This reads its instructions with the standard library's disassembler and carries out those alone
that make dicts, lists, strings and whole numbers, or keep and fetch one of these. Anything else, above all what names a
class or a function or calls one, ends the reading: nothing of a file is ever imported, built or called.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contramuse.catalogue.datasets.reading import wrong
from contramuse.errors import UserError

_MARK = object()
_VALUES = frozenset((
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "STRING", "BINSTRING", "SHORT_BINSTRING",
    "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
))  # fmt: skip
_IGNORED = frozenset(("PROTO", "FRAME"))


def read_pickled(file: Path) -> Any:
    """The dict or list in a pickle file that holds only dicts, lists, strings and whole numbers.

    Raises:
        UserError: the file cannot be read, is no pickle, is cut off, or holds anything else.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise wrong(file, f"cannot be read ({error.strerror})") from error
    stack: list[Any] = []
    memory: dict[Any, Any] = {}
    try:
        for code, given, position in pickletools.genops(data):
            if code.name == "STOP":
                (value,) = stack
                return value
            if code.name in _VALUES:
                stack.append(given)
            elif code.name in _MAKERS:
                _MAKERS[code.name](stack)
            elif code.name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
                memory[len(memory) if given is None else given] = stack[-1]
            elif code.name in ("GET", "BINGET", "LONG_BINGET"):
                stack.append(memory[given])
            elif code.name not in _IGNORED:
                problem = f"holds more than lists, dicts, strings and numbers ({code.name} at byte {position})"
                raise wrong(file, f"{problem}; such a pickle is not read, because it could run code")
    except UserError:
        raise
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise wrong(file, f"is no pickle or is cut off ({error})") from error
    raise wrong(file, "is cut off")


def _above_mark(stack: list[Any]) -> list[Any]:
    """Take what lies above the last mark, and the mark."""
    place = max(i for i, value in enumerate(stack) if value is _MARK)
    found = stack[place + 1 :]
    del stack[place:]
    return found


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(items[::2], items[1::2], strict=True))


def _append(stack: list[Any]) -> None:
    value = stack.pop()
    _last(stack, list).append(value)


def _set_item(stack: list[Any]) -> None:
    value, key = stack.pop(), stack.pop()
    _last(stack, dict)[key] = value


def _append_all(stack: list[Any]) -> None:
    items = _above_mark(stack)
    _last(stack, list).extend(items)


def _set_items(stack: list[Any]) -> None:
    items = _above_mark(stack)
    _last(stack, dict).update(_pairs(items))


def _last(stack: list[Any], kind: type) -> Any:
    if not isinstance(stack[-1], kind):
        raise TypeError(f"a {kind.__name__} is expected")
    return stack[-1]


_MAKERS: dict[str, Callable[[list[Any]], None]] = {
    "MARK": lambda stack: stack.append(_MARK),
    "EMPTY_LIST": lambda stack: stack.append([]),
    "EMPTY_DICT": lambda stack: stack.append({}),
    "LIST": lambda stack: stack.append(_above_mark(stack)),
    "DICT": lambda stack: stack.append(_pairs(_above_mark(stack))),
    "APPEND": _append,
    "APPENDS": _append_all,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
}
