"""The command as a whole: what every verb shares."""

import os
import subprocess
import sys

import typer
from rich.text import Text

from contramuse.cli import app
from contramuse.errors import UserError


def test_a_library_that_is_not_installed_is_one_message(run, monkeypatch, tmp_path):
    import contramuse.catalogue.library as module

    (tmp_path / "library.json").write_text("{}")
    monkeypatch.setattr(module.Library, "open", lambda path: __import__("no_such_library_at_all"))
    status, _, err = run("train", "tiny", "--data", tmp_path)
    assert status == 2
    assert "no_such_library_at_all: is needed and not installed" in err


def test_a_name_that_no_screen_shows_is_printed_all_the_same(tmp_path):
    missing = os.fsdecode(b"\xff\n.wav")
    command = [sys.executable, "-m", "contramuse", "ledger", missing]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == UserError.exit_status
    assert b"has no ledger" in done.stderr
    assert b"Traceback" not in done.stderr


def test_no_words_of_a_help_text_are_lost_as_markup():
    """The help is printed as rich markup, which swallows [words in brackets]."""
    texts = list(_help_texts(typer.main.get_command(app)))
    assert len(texts) > 150
    assert [text for text in texts if Text.from_markup(text).plain != text] == []


def _help_texts(command):
    yield command.help or ""
    for parameter in command.params:
        yield getattr(parameter, "help", None) or ""
    for inner in getattr(command, "commands", {}).values():
        yield from _help_texts(inner)
