"""The main job as a user runs it: music files become a model, numbers, a page and a search."""

import json
import subprocess
import sys

import pytest

import contramuse
from contramuse.embeddings import Embeddings


@pytest.mark.slow
def test_demo_from_nothing_to_a_search_and_again_without_doing_it_twice(tmp_path):
    command = [sys.executable, "-m", "contramuse", "demo", "-o", "demo", "--recipe", "tiny", "--tracks", "24"]
    command += ["--seconds", "8", "--minutes", "0.2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Most similar to" in done.stdout
    root = tmp_path / "demo"
    page = (root / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    results = json.loads((root / "probe.json").read_text(encoding="utf-8"))
    assert {system["name"] for system in results["systems"]} == {
        "tiny",
        "random weights",
        "MFCC statistics",
        "mean log-mel",
    }
    vectors = Embeddings.open(root / "embeddings").vectors
    model = contramuse.load(root / "run")
    assert vectors.shape == (24, model.dim)
    music = sorted((root / "music").rglob("*.flac"))
    mix = next(path for path in music if "stems" not in path.parts)
    assert model.embed([mix]).shape == (1, model.dim)

    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "0 decoded now" in again.stdout
    assert "contramuse train" not in again.stdout


def test_demo_of_a_folder_that_is_not_there_is_one_message(tmp_path):
    command = [sys.executable, "-m", "contramuse", "demo", "--music", "none", "-o", "demo"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "none" in done.stderr
    assert "Traceback" not in done.stderr
