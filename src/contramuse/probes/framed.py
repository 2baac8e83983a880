"""Tables for a terminal whose cells wrap and are never cut."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.markup import escape
from rich.table import Table

MOST = 7
"""Columns that stand in frames on 80 characters; more stand without, so that an interval's ends stay whole."""


def framed(title: str, *, left: Sequence[str], right: Sequence[str]) -> Table:
    """An empty table with columns of words on the ``left`` and of numbers on the ``right``."""
    many = len(left) + len(right) > MOST
    table = Table(
        title=escape(title), title_justify="left", box=box.SIMPLE_HEAD if many else box.HEAVY_HEAD, pad_edge=not many,
        padding=(0, 1, 0, 0) if many else (0, 1), show_lines=False,
    )  # fmt: skip
    for name in left:
        table.add_column(escape(name), overflow="fold")
    for name in right:
        table.add_column(escape(name), justify="right", overflow="fold")
    return table
