import errno
import os

import pytest

from contramuse.errors import StorageError, UserError
from contramuse.files import check_output, printable, replacing, stable_hash, told_apart, write_json


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path):
    write_json(tmp_path / "a" / "x.json", {"n": 1})
    write_json(tmp_path / "a" / "x.json", {"n": 2})
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["x.json"]
    assert '"n": 2' in (tmp_path / "a" / "x.json").read_text()


def test_an_error_while_writing_keeps_the_old_content(tmp_path):
    write_json(tmp_path / "x.json", {"n": 1})
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "x.json") as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise ZeroDivisionError
    assert '"n": 1' in (tmp_path / "x.json").read_text()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_is_told_with_the_file_and_the_next_step(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_json(tmp_path / "x.json", {"n": 1})
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"x.json.*No space left.*Free some space"):
        write_json(tmp_path / "x.json", {"n": 2})
    assert '"n": 1' in (tmp_path / "x.json").read_text()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        write_json(tmp_path / "file" / "x.json", {})


def test_hash_depends_on_content_not_on_order():
    assert stable_hash({"a": 1, "b": [1, 2]}) == stable_hash({"b": [1, 2], "a": 1})
    assert stable_hash({"a": 1}) != stable_hash({"a": 2})


def test_an_error_tells_name_value_and_next_step():
    error = UserError("must be above 0", name="rate", value=0, fix="Use 22050.")
    assert str(error) == "rate: '0': must be above 0. Use 22050."
    assert error.exit_status == 2


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"plain \xc3\xa9 \xf0\x9f\x8e\xb5", "plain é 🎵"),
        (b"two\nlines\t", "two\\nlines\\t"),
        (b"\xff\n", "\\xff\\n"),
        (b"\x1b[31m", "\\x1b[31m"),
        (rb"\xff", "\\xff"),
    ],
)
def test_any_name_is_one_line_on_a_screen(name, shown):
    assert printable(os.fsdecode(name)) == shown


def test_an_output_needs_a_name_in_utf8(tmp_path):
    check_output(tmp_path / "é\n", name="--out")
    with pytest.raises(UserError, match=r"--out: '.*\\\\xff': is a name that is not UTF-8"):
        check_output(tmp_path / os.fsdecode(b"\xff"), name="--out")


def test_folders_of_one_name_are_told_apart(tmp_path):
    paths = [tmp_path / "a" / "run", tmp_path / "b" / "run", tmp_path / "c"]
    assert list(told_apart(paths).values()) == ["a", "b", "c"]
    assert told_apart([tmp_path / "a" / "run"]) == {tmp_path / "a" / "run": "run"}
    paths = [tmp_path / "a" / "x" / "run", tmp_path / "b" / "x" / "run", tmp_path / "a"]
    assert list(told_apart(paths).values()) == ["a/x/run", "b", "a"]
