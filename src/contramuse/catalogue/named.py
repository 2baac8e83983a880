"""Taking only the files that a labels file names, out of a folder that holds more."""

from __future__ import annotations

from pathlib import Path

from contramuse.catalogue.index import called
from contramuse.catalogue.journal import Journal
from contramuse.catalogue.labels import Labels, join_rows
from contramuse.catalogue.stems import Naming
from contramuse.errors import UserError


def leave_unlabelled(journal: Journal, labels: Labels, *, folder: Path, beside: Path, stems: Naming) -> list[bytes]:
    """Leave files out of a scan that no row of the labels is joined to, and that are no stems of a file with one.

    Args:
        journal: in which a scan has entered what it saw.
        labels: that name files.
        folder: that was scanned.
        beside: the folder of the labels file.
        stems: how the files of stems are named.

    Returns:
        Paths of those that are left out.

    Raises:
        UserError: the labels name none of the files.
    """
    paths = journal.seen()
    table = stems.table(paths)
    joined = join_rows(labels.names, paths, folder=folder, beside=beside, called=called(table, paths), by=labels.join)
    named = {path for path, row in zip(paths, joined.rows, strict=True) if row >= 0}
    if paths and not named:
        fix = "Check the column that names the files (--join), or leave --only-labelled out."
        raise UserError("names none of the files", name="labels", value=labels.source, fix=fix)

    def wanted(path: bytes) -> bool:
        found = None if path in named else table.of(path)
        return path in named or (found is not None and any(owner in named for owner in found.owners))

    left_out = [path for path in paths if not wanted(path)]
    journal.leave_out(left_out)
    return left_out
