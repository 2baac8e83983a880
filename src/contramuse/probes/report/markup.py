"""Small pieces of HTML. What is passed as ``html`` must be escaped already; everything else is escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], *, css: str = "") -> str:
    """A table that scrolls sideways in its own box; the first cell of a row is its header."""
    top = "".join(f"<th scope='col'>{escape(text)}</th>" for text in head)
    body = "".join(f"<tr><th scope='row'>{cell(row[0])}</th>{''.join(map(_data, row[1:]))}</tr>" for row in rows)
    return (
        f"<div class='scroll' tabindex='0'><table class='{css}'><thead><tr>{top}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def cell(content: Any) -> str:
    """Text, or a pair (text, what stands small behind it)."""
    if isinstance(content, tuple):
        text, small = content
        return f"{escape(str(text))} <small>{escape(str(small))}</small>"
    return escape("" if content is None else str(content))


def _data(content: Any) -> str:
    return f"<td>{cell(content)}</td>"
