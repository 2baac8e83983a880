"""The objects of a large JSON array one after another, so that memory holds one of them and not the file."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contramuse.catalogue.datasets.reading import wrong

BLOCK = 1 << 20


def objects(file: Path, *, whole: str) -> Iterator[dict[str, Any]]:
    """The objects of a file that is one JSON array of objects, gzipped (.gz) or not.

    Args:
        file: read a block at a time.
        whole: what the file should be, for the message.

    Raises:
        UserError: it cannot be read, or is no such array; the message says after how many objects.
    """
    decoder = json.JSONDecoder()
    count, place, ended = 0, 0, False

    def problem(said: str) -> Exception:
        return wrong(file, f"is no {whole}: {said} after {count:,} objects")

    opened = gzip.open if file.suffix == ".gz" else open
    try:
        with opened(file, "rt", encoding="utf-8-sig") as stream:
            text = ""
            while not text and (block := stream.read(BLOCK)):
                text = block.lstrip()
            if text[:1] != "[":
                raise problem("it does not begin with [")
            place = 1
            while True:
                place = _past(text, place)
                if place < len(text) and text[place] == "]":
                    return
                try:
                    value, place = decoder.raw_decode(text, place)
                except ValueError as error:
                    if ended:
                        raise problem("it breaks off" if place >= len(text) else str(error).split(":")[0]) from error
                    more = stream.read(max(BLOCK, len(text) - place))
                    text, place, ended = text[place:] + more, 0, not more
                    continue
                if not isinstance(value, dict):
                    raise problem(f"{str(value)[:40]!r} is no object")
                count += 1
                yield value
    except (OSError, EOFError) as error:
        raise wrong(file, f"cannot be read ({error})") from error
    except UnicodeDecodeError as error:
        raise wrong(file, "is no text in UTF-8") from error


def _past(text: str, place: int) -> int:
    """Past white space and commas."""
    while place < len(text) and text[place] in " \n\r\t,":
        place += 1
    return place
