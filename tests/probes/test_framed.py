"""Tables for a terminal: nothing is cut, however many systems stand beside each other."""

import io

from rich.console import Console

from contramuse.probes.framed import framed


def test_no_cell_is_cut_on_eighty_characters():
    names = [f"system {i}" for i in range(8)]
    for count in (2, 8):
        table = framed("a title", left=("measure",), right=names[:count])
        table.add_row("near-duplicates", *["1.000 [1.000, 1.000]"] * count)
        said = io.StringIO()
        Console(file=said, width=80).print(table)
        assert "…" not in said.getvalue()
        assert max(map(len, said.getvalue().splitlines())) <= 80
        assert said.getvalue().count("[1.000") == count  # an interval's ends stay whole
