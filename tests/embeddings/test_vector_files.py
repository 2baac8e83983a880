"""Vectors as other programs write them."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contramuse.embeddings.vector_files import read_vectors_file
from contramuse.errors import UserError

NAMES = ["a/1.mp3", "b/2.mp3", "00012"]
VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4) / 8


def fixed():
    return pa.FixedSizeListArray.from_arrays(pa.array(VECTORS.ravel()), 4)


def write(path, content):
    if isinstance(content, dict):
        pq.write_table(pa.table(content), path)
    else:
        path.write_text(content, encoding="utf-8")
    return path


def csv(header, rows, mark=","):
    return "\n".join([mark.join(header), *(mark.join(row) for row in rows)]) + "\n"


NUMBERS = [[f"{x:g}" for x in row] for row in VECTORS]
TABLES = {
    "lists.parquet": {"path": NAMES, "embedding": VECTORS.tolist(), "tempo": [1.0, 2.0, 3.0]},
    "fixed.parquet": {"id": NAMES, "vector": fixed()},
    "halves.parquet": {"id": NAMES, "v": pa.array(VECTORS.tolist(), pa.list_(pa.float16()))},
    "columns.parquet": {"file": NAMES, "year": [1, 2, 3], **{f"dim_{i}": VECTORS[:, i] for i in (2, 0, 1, 3)}},
    "numbers.parquet": {"filename": NAMES, **{str(i): VECTORS[:, i] for i in range(4)}},
    "a.csv": csv(["path", "e0", "e1", "e2", "e3"], [[n, *row] for n, row in zip(NAMES, NUMBERS, strict=True)]),
    "semicolons.csv": csv(["path", "0", "1", "2", "3"], [[n, *r] for n, r in zip(NAMES, NUMBERS, strict=True)], ";"),
    "tabs.tsv": csv(["id", "vector"], [[n, f"[{', '.join(r)}]"] for n, r in zip(NAMES, NUMBERS, strict=True)], "\t"),
    "quoted.csv": csv(["id", "x"], [[n, f'"[{", ".join(r)}]"'] for n, r in zip(NAMES, NUMBERS, strict=True)]),
    "numpy.csv": csv(["id", "x"], [[n, f"[{' '.join(r)}]"] for n, r in zip(NAMES, NUMBERS, strict=True)]),
    "mark.csv": "\ufeff" + csv(["id", *"abcd"], []).replace("a,b,c,d", "v1,v2,v3,v4")
    + "".join(f"{n},{','.join(r)}\n" for n, r in zip(NAMES, NUMBERS, strict=True)),
    "lines.jsonl": "".join(
        json.dumps({"id": n, "vector": v}) + "\n" for n, v in zip(NAMES, VECTORS.tolist(), strict=True)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_tables(name, tmp_path):
    found = read_vectors_file(write(tmp_path / name, TABLES[name]))
    assert found.names == NAMES
    assert np.allclose(found.vectors, VECTORS, atol=1e-6)
    assert found.vectors.dtype == np.float32


def test_names_that_are_numbers(tmp_path):
    file = write(tmp_path / "x.parquet", {"track_id": [10, 2, 7], "embedding": VECTORS.tolist()})
    assert read_vectors_file(file).names == ["10", "2", "7"]


def test_named_columns(tmp_path):
    content = {"who": NAMES, "other": ["x", "y", "z"], "first": VECTORS.tolist(), "second": (VECTORS + 1).tolist()}
    file = write(tmp_path / "x.parquet", content)
    found = read_vectors_file(file, id_column="who", vector_column="second")
    assert np.array_equal(found.vectors, VECTORS + 1)
    with pytest.raises(UserError, match=r"--id-column\. There: who, other"):
        read_vectors_file(file)
    with pytest.raises(UserError, match=r"--vector-column\. There: first, second"):
        read_vectors_file(file, id_column="who")
    with pytest.raises(UserError, match="is no column of lists"):
        read_vectors_file(file, id_column="who", vector_column="third")


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_npz(tmp_path):
    pairs = [
        npz(tmp_path / "a.npz", ids=np.array(NAMES), embeddings=VECTORS),
        npz(tmp_path / "b.npz", paths=np.array(NAMES), x=VECTORS.astype(np.float64), y=np.zeros((3, 2))),
        npz(tmp_path / "c.npz", **dict(zip(NAMES, VECTORS, strict=True))),
    ]
    for file in pairs:
        found = read_vectors_file(file)
        assert found.names == NAMES
        assert np.array_equal(found.vectors, VECTORS)
    file = npz(tmp_path / "d.npz", one=np.array(NAMES), two=np.array(["x"] * 3), z=VECTORS)
    assert read_vectors_file(file, id_column="one").names == NAMES
    with pytest.raises(UserError, match="--id-column"):
        read_vectors_file(file)


def test_npy(tmp_path):
    np.save(tmp_path / "x.npy", VECTORS)
    (tmp_path / "names.txt").write_text("\n".join(NAMES) + "\n\n")
    assert read_vectors_file(tmp_path / "x.npy", names=tmp_path / "names.txt").names == NAMES
    with pytest.raises(UserError, match="--names FILE"):
        read_vectors_file(tmp_path / "x.npy")
    (tmp_path / "two.txt").write_text("a\nb\n")
    with pytest.raises(UserError, match="2 names for 3 vectors"):
        read_vectors_file(tmp_path / "x.npy", names=tmp_path / "two.txt")


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('a file ran code')",)


def test_nothing_is_unpickled(tmp_path):
    np.save(tmp_path / "x.npy", np.array([Bomb()], object))
    np.savez(tmp_path / "x.npz", ids=np.array(NAMES, object), x=VECTORS)
    (tmp_path / "names.txt").write_text("a\n")
    with pytest.raises(UserError, match="Python objects"):
        read_vectors_file(tmp_path / "x.npy", names=tmp_path / "names.txt")
    with pytest.raises(UserError, match="Python objects"):
        read_vectors_file(tmp_path / "x.npz")


BAD = {
    "x.pkl": (b"x", "of no known kind"),
    "x.parquet": (b"PAR1 no", "cannot be read"),
    "cut.npz": (b"PK\x03\x04nothing", "is damaged"),
    "empty.npy": (b"", "is damaged"),
    "rows.csv": (b"id,e0,e1\na,1,2\nb,1\n", "cannot be read"),
    "words.csv": (b"id,e0,e1\na,1,x\nb,1,2\n", "text among its numbers, in column e1"),
    "hole.csv": (b"id,e0,e2\na,1,2\n", "numbered columns without 1"),
    "none.csv": (b"id,title\na,b\n", "neither a column of lists nor numbered"),
    "ragged.csv": (b'id,x\na,"[1, 2]"\nb,"[1]"\n', "another length"),
    "absent.csv": (None, "no such file"),
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_are_refused(name, tmp_path):
    content, problem = BAD[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    (tmp_path / "names.txt").write_text("a\n")
    names = tmp_path / "names.txt" if name.endswith(".npy") else None
    with pytest.raises(UserError, match=problem) as caught:
        read_vectors_file(tmp_path / name, names=names)
    assert name in str(caught.value)


def test_vectors_of_several_lengths(tmp_path):
    file = write(tmp_path / "x.parquet", {"id": ["a", "b"], "v": [[1.0, 2.0], [1.0]]})
    with pytest.raises(UserError, match="2 lengths"):
        read_vectors_file(file)
