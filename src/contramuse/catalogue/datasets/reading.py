"""Reading annotation files: text in UTF-8, tables and JSON; nothing is evaluated or unpickled."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from contramuse.errors import UserError

csv.field_size_limit(1 << 24)


def wrong(file: Path, problem: str, *, line: int = 0) -> UserError:
    """The error of an annotation file that is not what it should be."""
    place = f"{file}, line {line}" if line else str(file)
    fix = "The file is another one or damaged: fetch it again."
    return UserError(problem, name="annotations", value=place, fix=fix)


def read_text(file: Path) -> str:
    """The text of a file, without a byte order mark.

    Raises:
        UserError: it cannot be read, or is no UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise wrong(file, f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise wrong(file, "is no text in UTF-8") from error


def read_lines(file: Path) -> list[str]:
    """The lines of a text file that are not blank, without white space around them."""
    return [line.strip() for line in read_text(file).splitlines() if line.strip()]


def read_json(file: Path) -> Any:
    """The value in a JSON file.

    Raises:
        UserError: it cannot be read, or is no JSON.
    """
    try:
        return json.loads(read_text(file))
    except ValueError as error:
        raise wrong(file, f"is no JSON ({error})") from error


def read_rows(file: Path, *, columns: Sequence[str] = (), separator: str = ",") -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table with a header, and their line numbers.

    Args:
        file: with a line of column names.
        columns: that must be there.
        separator: between cells.

    Raises:
        UserError: it cannot be read, a column is missing, or a row has too few cells.
    """
    reader = csv.DictReader(read_text(file).splitlines(), delimiter=separator)
    known = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = known
    if lacking := [name for name in columns if name not in known]:
        raise wrong(file, f"has no column {', '.join(lacking)} (it has {', '.join(known[:8])})", line=1)
    for row in reader:
        if any(row[name] is None for name in columns):
            raise wrong(file, "has too few cells", line=reader.line_num)
        yield reader.line_num, row


def zeros_and_ones(text: str, file: Path, *, count: int, line: int) -> list[int]:
    """A list literal such as ``[0, 1, 0]`` as numbers, read and not evaluated.

    Raises:
        UserError: it is not a list of ``count`` zeros and ones.
    """
    try:
        values = json.loads(text)
    except ValueError as error:
        raise wrong(file, "holds no list of 0 and 1", line=line) from error
    if not isinstance(values, list) or len(values) != count or not all(value in (0, 1) for value in values):
        raise wrong(file, f"holds no list of {count} values 0 or 1", line=line)
    return [int(value) for value in values]
