"""The journal of a library in the making: an SQLite file with a row per file, so that nothing is decoded twice.

Memory does not grow with the number of files: the scan writes to the journal in batches, and every later step reads it
in order of path. What the journal says is on the disk is on the disk: shards are flushed before each commit, and what
lies beyond the journal in a shard was written by an interrupted run and is cut off.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contramuse.errors import StorageError, UserError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, inode INTEGER,
    scan INTEGER, change TEXT, state TEXT,
    id TEXT, audio TEXT, verdict TEXT, note TEXT, decoder TEXT, seconds REAL, damaged_seconds REAL,
    source_rate INTEGER, channels INTEGER, shard INTEGER, offset INTEGER, samples INTEGER, tags TEXT);
CREATE INDEX IF NOT EXISTS by_audio ON files (audio, path);
CREATE INDEX IF NOT EXISTS by_state ON files (state, path);
CREATE TABLE IF NOT EXISTS separated (
    id TEXT, name TEXT, model TEXT, shard INTEGER, offset INTEGER, samples INTEGER, PRIMARY KEY (id, name));
CREATE TABLE IF NOT EXISTS folders (scan INTEGER, device INTEGER, inode INTEGER, PRIMARY KEY (scan, device, inode));
"""
_SAW = """
INSERT INTO files (path, size, mtime_ns, inode, scan, change, state) VALUES (?, ?, ?, ?, ?, 'added', 'waiting')
ON CONFLICT (path) DO UPDATE SET
    change = CASE WHEN size = excluded.size AND mtime_ns = excluded.mtime_ns AND inode = excluded.inode
             THEN CASE WHEN state = 'removed' OR state = 'removed waiting' THEN 'added' ELSE 'unchanged' END
             ELSE 'changed' END,
    state = CASE WHEN size = excluded.size AND mtime_ns = excluded.mtime_ns AND inode = excluded.inode
                  AND state IN ('done', 'removed') THEN 'done' ELSE 'waiting' END,
    size = excluded.size, mtime_ns = excluded.mtime_ns, inode = excluded.inode, scan = excluded.scan
"""
_RESULT = ("id", "audio", "verdict", "note", "decoder", "seconds", "damaged_seconds", "source_rate", "channels")
PAGE = 1000


@dataclass(frozen=True)
class Seen:
    """A file as the scan saw it; a file is unchanged while all of these are.

    Args:
        path: relative to the folder, as the file system has it.
        size: in bytes.
        mtime_ns: time of its last change.
        inode: its number in the file system.
        problem: why it cannot be read, "" if it can.
    """

    path: bytes
    size: int = 0
    mtime_ns: int = 0
    inode: int = 0
    problem: str = ""


class Journal:
    """The journal of the library at ``root``.

    Args:
        root: folder of the library.
        settings: those that the stored audio depends on; they cannot change in a library.

    Raises:
        UserError: the library was prepared with other settings, or another run is at work on it.
        StorageError: the folder cannot be written.
    """

    def __init__(self, root: Path, settings: Mapping[str, Any]) -> None:
        self.path = root / "work" / "journal.sqlite"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = open(self.path.parent / "lock", "wb")  # noqa: SIM115 - held for the journal's life
            _lock(self._lock.fileno(), root)
            self._db = sqlite3.connect(self.path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            fix = "Choose an output folder that you may write to, or free some space."
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise StorageError(f"cannot be written ({reason})", name="library", value=root, fix=fix) from error
        self._db.row_factory = sqlite3.Row
        self._check(root, settings)
        self.scan = int(self._setting("scan") or 0)
        self._run("BEGIN")

    def _check(self, root: Path, settings: Mapping[str, Any]) -> None:
        for name, value in settings.items():
            known = self._setting(name)
            if known is None:
                self._run("INSERT INTO settings VALUES (?, ?)", (name, json.dumps(value)))
            elif json.loads(known) != value:
                raise UserError(
                    f"this library was prepared with {name} = {json.loads(known)}",
                    name=name,
                    value=value,
                    fix=f"Choose another output folder than {root}, or give the same value.",
                )

    def settle(self, settings: Mapping[str, Any]) -> None:
        """Enter settings that are only known later; see the class.

        Raises:
            UserError: the library was prepared with other ones.
        """
        self._check(self.path.parent.parent, settings)

    def settled(self, name: str) -> Any:
        """A setting, None if it is not known yet."""
        known = self._setting(name)
        return None if known is None else json.loads(known)

    def _setting(self, name: str) -> str | None:
        row = self._run("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def begin_scan(self) -> None:
        """Begin to see the folder anew."""
        self.scan += 1
        self._run("INSERT OR REPLACE INTO settings VALUES ('scan', ?)", (str(self.scan),))
        self._run("DELETE FROM folders")

    def first_visit(self, device: int, inode: int) -> bool:
        """Whether the scan enters this folder for the first time (links may lead to it again)."""
        cursor = self._run("INSERT OR IGNORE INTO folders VALUES (?, ?, ?)", (self.scan, device, inode))
        return cursor.rowcount > 0

    def saw(self, files: Iterable[Seen]) -> None:
        """Enter a batch of files; unchanged ones keep what is known of them."""
        for file in files:
            self._run(_SAW, (file.path, file.size, file.mtime_ns, file.inode, self.scan))
            if file.problem:
                self.fail(file.path, file.problem)

    def seen(self) -> list[bytes]:
        """Paths of the files of this scan, in order; without folders that cannot be read."""
        query = "SELECT path FROM files WHERE scan = ? AND COALESCE(note, '') NOT LIKE 'the folder cannot be read%'"
        return [row["path"] for row in self._run(f"{query} ORDER BY path", (self.scan,))]

    def leave_out(self, paths: Iterable[bytes]) -> None:
        """Take files out of this scan, as if they were not there; what was decoded of them earlier is kept."""
        for path in paths:
            self._run("DELETE FROM files WHERE path = ? AND state = 'waiting' AND id IS NULL", (path,))
            self._run(
                "UPDATE files SET scan = scan - 1, change = '', state = CASE state WHEN 'done' THEN 'removed' ELSE"
                " 'removed waiting' END WHERE path = ?",
                (path,),
            )

    def end_scan(self) -> dict[str, int]:
        """Mark files that are gone, and count: added, changed, unchanged, removed."""
        self._run(
            "UPDATE files SET change = '', state = CASE state WHEN 'done' THEN 'removed' ELSE 'removed waiting' END"
            " WHERE scan < ? AND state IN ('done', 'waiting')",
            (self.scan,),
        )
        removed = self._run("SELECT changes()").fetchone()[0]
        rows = self._run("SELECT change, COUNT(*) FROM files WHERE scan = ? GROUP BY change", (self.scan,))
        counts = dict.fromkeys(("added", "changed", "unchanged"), 0) | {row[0]: row[1] for row in rows}
        self.commit()
        return counts | {"removed": int(removed)}

    def waiting(self) -> Iterator[tuple[bytes, int]]:
        """Path and size of the files that are to be decoded, in order of path."""
        last = b""
        while True:
            query = "SELECT path, size FROM files WHERE state = 'waiting' AND path > ? ORDER BY path LIMIT ?"
            page = self._run(query, (last, PAGE)).fetchall()
            if not page:
                return
            yield from ((row["path"], row["size"]) for row in page)
            last = page[-1]["path"]

    def count(self, where: str) -> tuple[int, int]:
        """Number of files in a state, and their size in bytes."""
        row = self._run("SELECT COUNT(*), COALESCE(SUM(size), 0) FROM files WHERE state = ?", (where,)).fetchone()
        return int(row[0]), int(row[1])

    def placed(self, audio: str) -> tuple[int, int, int] | None:
        """Shard, offset and samples of audio that is in the store already."""
        query = "SELECT shard, offset, samples FROM files WHERE audio = ? AND shard IS NOT NULL LIMIT 1"
        row = self._run(query, (audio,)).fetchone()
        return None if row is None else (row[0], row[1], row[2])

    def done(self, path: bytes, facts: Mapping[str, Any], place: tuple[int, int, int] | None) -> None:
        """Enter what became of a file: the facts of its decoding, its tags, and where its audio lies."""
        values = [facts[name] for name in _RESULT] + [*(place or (None, None, None))]
        values += [json.dumps(facts["tags"], ensure_ascii=True), path]
        assigned = ", ".join(f"{name} = ?" for name in (*_RESULT, "shard", "offset", "samples", "tags"))
        self._run(f"UPDATE files SET state = 'done', {assigned} WHERE path = ?", values)

    def fail(self, path: bytes, reason: str) -> None:
        """Enter that a file cannot be decoded, and why."""
        facts = dict.fromkeys(_RESULT) | {"verdict": "failed", "note": reason, "seconds": 0.0, "damaged_seconds": 0.0}
        self.done(path, facts | {"decoder": "", "tags": {}}, None)

    def files(self) -> Iterator[sqlite3.Row]:
        """All files that are there, in order of path; ``first`` is the first path with the same audio."""
        query = (
            "SELECT f.*, (SELECT MIN(g.path) FROM files g WHERE g.audio = f.audio AND g.state = 'done'"
            " AND g.verdict IN ('ok', 'repaired')) AS first FROM files f WHERE f.state = 'done' ORDER BY f.path"
        )
        yield from self._run(query)

    def committed(self) -> dict[int, int]:
        """Samples of each shard that the journal knows of."""
        rows = self._run(
            "SELECT shard, MAX(end) FROM (SELECT shard, offset + samples AS end FROM files WHERE shard IS NOT NULL"
            " UNION ALL SELECT shard, offset + samples FROM separated) GROUP BY shard"
        )
        return {row[0]: row[1] for row in rows}

    def separated(self) -> dict[str, list[dict[str, Any]]]:
        """Stems that were made by a separator, by id of the track: name, model, shard, offset, samples."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self._run("SELECT * FROM separated ORDER BY id, name"):
            stem = dict(row)
            found[stem.pop("id")].append(stem)
        return found

    def separators(self) -> dict[str, int]:
        """How many stems each model has made of the tracks that are there."""
        there = "id IN (SELECT id FROM files WHERE state = 'done')"
        query = f"SELECT model, COUNT(*) FROM separated WHERE {there} GROUP BY model ORDER BY model"
        return dict(map(tuple, self._run(query)))

    def separate(self, track: str, name: str, model: str, place: tuple[int, int, int]) -> None:
        """Enter that ``model`` made the stem ``name`` of the track with this id, and where it lies."""
        self._run("INSERT OR REPLACE INTO separated VALUES (?, ?, ?, ?, ?, ?)", (track, name, model, *place))

    def forget(self, track: str, name: str) -> None:
        """Remove a stem that was made by a separator: the track has a file of it now."""
        self._run("DELETE FROM separated WHERE id = ? AND name = ?", (track, name))

    def _run(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        try:
            return self._db.execute(statement, values)
        except sqlite3.Error as error:
            fix = "Free some space, then run the same command again: it goes on from here."
            raise StorageError(f"cannot be written ({error})", name="library", value=self.path, fix=fix) from error

    def commit(self) -> None:
        """Make everything entered so far last."""
        self._run("COMMIT")
        self._run("BEGIN")

    def close(self) -> None:
        """Commit and let go of the library."""
        self.commit()
        self._db.close()
        self._lock.close()


def _lock(descriptor: int, root: Path) -> None:
    """Take the library for this process; the system gives it back when the process ends, however it ends."""
    if os.name != "posix":
        return
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        fix = "Wait until it has ended, or choose another output folder."
        raise UserError("another run is at work on this library", name="library", value=root, fix=fix) from error
