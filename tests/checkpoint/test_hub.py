"""Push and pull against a hub that is a folder: huggingface_hub is replaced at its boundary, nothing else is."""

import os
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from types import SimpleNamespace

import huggingface_hub
import numpy as np
import pytest
import yaml
from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

import contramuse
from contramuse.checkpoint import hub
from contramuse.errors import ModelFileError, UserError
from minimodel import make_model


@pytest.fixture
def remote(tmp_path, monkeypatch):
    """The hub's folder; each repository is one under it."""
    root, cache = tmp_path / "remote", tmp_path / "cache"
    log = SimpleNamespace(root=root, created=[], patterns=[])

    class Api:
        def create_repo(self, repo, *, private, exist_ok, repo_type):
            log.created.append((repo, private))
            (root / repo).mkdir(parents=True, exist_ok=exist_ok)

        def create_commit(self, repo, *, operations, commit_message):
            for operation in operations:
                with operation.as_file() as file:
                    (root / repo / operation.path_in_repo).write_bytes(file.read())
            return SimpleNamespace(commit_url=f"https://hub.example/{repo}/commit/1")

    def snapshot_download(repo, *, revision, allow_patterns):
        log.patterns = allow_patterns
        if not (root / repo).is_dir():
            raise RepositoryNotFoundError("404", response=SimpleNamespace(headers={}, request=None))
        target = cache / repo / (revision or "main")
        target.mkdir(parents=True, exist_ok=True)
        for file in (root / repo).iterdir():
            if any(fnmatch(file.name, pattern) for pattern in allow_patterns):
                shutil.copyfile(file, target / file.name)
        return str(target)

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    monkeypatch.chdir(tmp_path)
    return log


def test_push_then_load_by_id_gives_the_same_vectors(remote, tmp_path):
    folder = make_model(tmp_path / "run" / "model")
    url = hub.push(tmp_path / "run", "someone/small")
    assert url.endswith("/someone/small/commit/1")
    assert remote.created == [("someone/small", True)]
    (remote.root / "someone/small/evil.py").write_text("raise SystemExit")
    track = np.random.default_rng(0).standard_normal(40_000).astype(np.float32)
    loaded = contramuse.load("someone/small@v1")
    np.testing.assert_array_equal(loaded.embed(track), contramuse.load(folder).embed(track))
    assert sorted(p.name for p in loaded.path.iterdir()) == ["README.md", "model.json", "model.safetensors"]


def test_pull_copies_the_model_and_its_card(remote, tmp_path):
    folder = make_model(tmp_path / "model")
    hub.push(folder, "someone/small", visibility="public")
    assert remote.created == [("someone/small", False)]
    copy = hub.pull("someone/small", tmp_path / "copy")
    assert contramuse.load(copy).model_hash == contramuse.load(folder).model_hash
    for name in ("model.json", "model.safetensors"):
        assert (copy / name).read_bytes() == (folder / name).read_bytes()


def test_the_card_states_recipe_hashes_and_how_to_load(remote, tmp_path):
    hub.push(make_model(tmp_path / "model"), "someone/small")
    model = contramuse.load(tmp_path / "model")
    text = (remote.root / "someone/small/README.md").read_text()
    front, body = text.split("---\n")[1:3]
    assert yaml.safe_load(front)["library_name"] == "contramuse"
    assert 'contramuse.load("someone/small")' in body
    assert model.model_hash in body
    assert model.preprocessing_hash in body
    assert "64 numbers" in body
    assert yaml.safe_load(body.split("```yaml\n")[1].split("```")[0]) == model.info["recipe"]


def test_what_cannot_be_loaded_is_not_pushed(remote, tmp_path):
    folder = make_model(tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"short")
    with pytest.raises(ModelFileError, match="truncated"):
        hub.push(folder, "someone/small")
    assert not remote.created
    with pytest.raises(ModelFileError, match="is not a hub id"):
        hub.push(folder, "no-slash")


def test_a_repository_of_another_program(remote, tmp_path):
    (remote.root / "someone/bert").mkdir(parents=True)
    (remote.root / "someone/bert/model.safetensors").write_bytes(b"x")
    with pytest.raises(ModelFileError, match=r"has no model\.json"):
        contramuse.load("someone/bert")


def test_a_missing_repository_and_no_network(remote, monkeypatch):
    with pytest.raises(hub.HubError, match="does not exist") as caught:
        contramuse.load("someone/nothing")
    assert "folder" in str(caught.value)

    def offline(*_, **__):
        raise LocalEntryNotFoundError("cannot find an appropriate cached snapshot folder")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(hub.HubError, match="cannot be reached") as caught:
        contramuse.load("someone/small")
    assert caught.value.exit_status == 1


def test_the_real_client_without_a_network(tmp_path):
    """In a process of its own: the address of the hub is read when its client is imported."""
    folder = make_model(tmp_path / "model")
    code = f"""
from contramuse.checkpoint import hub
for call in (lambda: hub.fetch("someone/small"), lambda: hub.push({str(folder)!r}, "someone/small")):
    try:
        call()
    except hub.HubError as error:
        assert "cannot be reached" in str(error), error
        print("told")
"""
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["told", "told"], done.stderr


@pytest.mark.parametrize("text", ["a/b", "some-one/model.v2", "a/b@refs/pr/1"])
def test_ids(text):
    assert hub.is_id(text)


@pytest.mark.parametrize("text", ["model", "./model", "/abs/model", "a/b/c", "../x", "a/b@", ".hidden/x", "a b/c"])
def test_paths_are_no_ids(text):
    assert not hub.is_id(text)


def test_a_written_card_is_pushed_with_its_repository(remote, tmp_path):
    folder = make_model(tmp_path / "model")
    written = tmp_path / "README.md"
    written.write_text(f"load USER/NAME, {contramuse.load(folder).model_hash}")
    hub.push(folder, "someone/small", written=written)
    assert (remote.root / "someone/small/README.md").read_text().startswith("load someone/small, ")
    written.write_text("of another model")
    with pytest.raises(UserError, match="of another model"):
        hub.push(folder, "someone/small", written=written)
    with pytest.raises(UserError, match="cannot be read"):
        hub.push(folder, "someone/small", written=tmp_path / "nowhere.md")
