"""Model folders: what is saved is loaded, what is damaged is refused, and a file's vector is its own."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import contramuse
from contramuse.checkpoint.model import build_towers, load
from contramuse.errors import DecodeError, ModelFileError, StorageError, UserError
from minimodel import make_model, write_tone


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(tmp_path):
    return make_model(tmp_path / "model")


def noise(seconds, seed=0, rate=22050):
    return (0.1 * np.random.default_rng(seed).standard_normal(int(seconds * rate))).astype(np.float32)


def test_what_is_saved_is_loaded(saved):
    model = contramuse.load(saved)
    assert (model.sample_rate, model.dim, model.window, model.hop) == (22050, 64, 1.5, 1.5)
    assert model.model_hash == hashlib.sha256((saved / "model.safetensors").read_bytes()).hexdigest()
    assert model.info["library_fingerprint"] == "f00d"
    assert model.info["extra"] == {"steps": 3}
    stored = load_file(saved / "model.safetensors")
    for name, value in model.towers.state_dict().items():
        assert torch.equal(value, stored[name])
    assert not model.tower.training
    assert load(saved / "model.safetensors").model_hash == model.model_hash


def test_saving_the_same_weights_twice_gives_the_same_bytes(tmp_path):
    one, two = make_model(tmp_path / "a"), make_model(tmp_path / "b")
    for name in ("model.safetensors", "model.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_a_run_folder_stands_for_its_model(tmp_path):
    make_model(tmp_path / "run" / "model")
    assert load(tmp_path / "run").dim == 64


def test_importing_the_package_imports_no_torch():
    code = "import sys, contramuse; assert 'torch' not in sys.modules; contramuse.load; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="lod"):
        _ = contramuse.lod


def test_loading_needs_no_audio_library(saved):
    code = (
        "import sys\n"
        "for name in ('soundfile', 'soxr', 'av', 'faiss', 'mutagen', 'symusic'): sys.modules[name] = None\n"
        "sys.modules['huggingface_hub'] = None\n"
        f"import contramuse, numpy; print(contramuse.load({str(saved)!r}).embed(numpy.zeros(40000, 'float32')).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "(1, 64)"


def refused(folder, problem, fix=""):
    with pytest.raises(ModelFileError) as caught:
        load(folder)
    assert problem in str(caught.value), str(caught.value)
    assert str(folder) in str(caught.value)
    assert fix in caught.value.fix
    return caught.value


def change(folder, **values):
    info = json.loads((folder / "model.json").read_text())
    info.update(values)
    (folder / "model.json").write_text(json.dumps({k: v for k, v in info.items() if v is not None}))


def test_truncated_weights(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    refused(folder, "truncated", "Copy the model again")
    weights.write_bytes(b"")
    refused(folder, "truncated")


def test_missing_weights_and_missing_json(folder):
    (folder / "model.safetensors").unlink()
    refused(folder, "is missing")
    (folder / "model.json").unlink()
    refused(folder, "is missing", "model.safetensors and model.json")


def test_weights_of_another_program(folder):
    save_file({"bert.embeddings": torch.zeros(3, 4)}, folder / "model.safetensors")
    refused(folder, "bert.embeddings is not known")


def test_weights_of_another_shape_and_missing_ones(folder):
    state = load_file(folder / "model.safetensors")
    name = next(n for n, v in state.items() if v.ndim == 2)
    save_file({**state, name: state[name][:-1].clone()}, folder / "model.safetensors")
    refused(folder, f"{name} has shape")
    save_file({n: v for n, v in state.items() if n != name}, folder / "model.safetensors")
    refused(folder, f"{name} is missing")


def test_changed_weights_are_noticed_by_their_hash(folder):
    state = load_file(folder / "model.safetensors")
    save_file({n: v + 1 if v.is_floating_point() else v for n, v in state.items()}, folder / "model.safetensors")
    refused(folder, "SHA-256", "not of one save")


def test_json_that_is_damaged_foreign_newer_or_incomplete(folder):
    change(folder, version=99)
    refused(folder, "format version 99", "Update contramuse")
    change(folder, version=1, dim=None)
    refused(folder, "lacks dim")
    change(folder, format="something else")
    refused(folder, "was not written by contramuse")
    (folder / "model.json").write_text("{")
    refused(folder, "is not valid JSON")
    (folder / "model.json").write_bytes(b"\xff\xfe\x00")
    refused(folder, "is not valid JSON")


@pytest.mark.parametrize("changed", [{"dim": 7}, {"tower": "video"}, {"tower": 3}, {"window": "long"}, {"hop": 0}])
def test_facts_that_do_not_fit_the_weights(folder, changed):
    change(folder, **changed)
    refused(folder, "does not fit the weights", "copy the model again")


def test_a_recipe_that_this_version_cannot_build(folder):
    info = json.loads((folder / "model.json").read_text())
    info["recipe"]["towers"]["audio"]["encoder"]["kind"] = "of_tomorrow"
    change(folder, recipe=info["recipe"])
    refused(folder, "cannot be built")


def test_what_is_no_model_at_all(tmp_path):
    refused(tmp_path, "is missing")
    refused(tmp_path / "nowhere", "no such folder")
    (tmp_path / "clmr.ckpt").write_bytes(b"PK")
    refused(tmp_path / "clmr.ckpt", "is a file", "contramuse import clmr")


def test_an_output_that_cannot_be_written_keeps_the_old_model(folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        make_model(tmp_path / "file" / "model")
    before = load(folder).model_hash
    make_model(folder, seed=1)
    assert load(folder).model_hash != before
    assert sorted(p.name for p in folder.iterdir()) == ["model.json", "model.safetensors"]


def test_the_preprocessing_hash_follows_frontend_window_and_rate_but_not_the_head(tmp_path):
    def of(*overrides):
        return load(make_model(tmp_path / "m", overrides=overrides)).preprocessing_hash

    plain = of()
    assert of("towers.audio.head.out=16", "train.batch=4") == plain
    changed = [
        of("towers.audio.frontend.hop=256"),
        of("embed.window=2.0"),
        of("embed.hop=0.5"),
        of("sample_rate=16000"),
    ]
    assert len({plain, *changed}) == 5


def test_embedding_is_the_mean_over_windows_of_the_encoder(saved):
    model = load(saved)
    track = noise(4.5)
    windows = torch.from_numpy(track.reshape(3, 1, -1))
    wanted = model.tower.represent(windows).mean(0)
    np.testing.assert_allclose(model.embed(track)[0], wanted, atol=1e-5)
    np.testing.assert_array_equal(model.embed([track])[0], model.embed(torch.from_numpy(track))[0])
    stereo = np.stack([track * 1.5, track * 0.5])
    np.testing.assert_allclose(model.embed(stereo)[0], wanted, atol=1e-4)
    int16 = np.round(track * 32768).astype(np.int16)
    np.testing.assert_allclose(model.embed(int16)[0], wanted, atol=1e-2)


def test_a_vector_does_not_depend_on_batch_neighbours_or_threads(saved):
    model = load(saved)
    tracks = [noise(seconds, seed) for seed, seconds in enumerate((0.3, 1.5, 2.0, 9.7, 4.0))]
    alone = np.concatenate([model.embed(t) for t in tracks])
    sources = [lambda t=t: iter(np.array_split(t, 5)) for t in tracks]
    for batch in (1, 2, 7, 64):
        together = np.stack([r.vector for r in model.embed_sources(sources, batch=batch)])
        np.testing.assert_allclose(together, alone, atol=1e-5)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        np.testing.assert_allclose(model.embed(tracks[::-1])[::-1], alone, atol=1e-5)
    finally:
        torch.set_num_threads(before)


def test_files_and_arrays_at_other_rates(saved, tmp_path):
    model = load(saved)
    mono = write_tone(tmp_path / "a.wav", seconds=3.0)
    np.testing.assert_allclose(model.embed(tmp_path / "a.wav"), model.embed(mono), atol=1e-5)
    stereo = write_tone(tmp_path / "b.flac", seconds=3.0, sample_rate=44100, channels=2)
    from_file, from_array = model.embed(str(tmp_path / "b.flac")), model.embed(stereo, 44100)
    assert np.abs(from_file - from_array).max() < 0.05 * from_file.std()  # a file is rounded to 16 bits once more
    both = model.embed([tmp_path / "a.wav", stereo], sample_rate=44100)
    np.testing.assert_allclose(both, np.concatenate([model.embed(mono), from_array]), atol=1e-5)


def test_input_that_cannot_be_embedded(saved, tmp_path):
    model = load(saved)
    (tmp_path / "bad.mp3").write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(DecodeError, match=r"bad\.mp3"):
        model.embed(tmp_path / "bad.mp3")
    with pytest.raises(UserError, match="channels first"):
        model.embed(np.zeros((44100, 2), np.float32))
    with pytest.raises(UserError, match="not finite"):
        model.embed(np.full(5000, np.nan, np.float32))
    with pytest.raises(DecodeError, match="array 0"):
        model.embed(np.zeros(0, np.float32))
    assert model.embed([]).shape == (0, 64)


def test_a_randomised_model_has_other_weights_of_its_own_seed(saved):
    model = load(saved)
    state = torch.random.get_rng_state()
    one, again, two = model.randomised(1), model.randomised(1), model.randomised(2)
    assert torch.equal(state, torch.random.get_rng_state())
    assert one.model_hash == again.model_hash
    assert len({model.model_hash, one.model_hash, two.model_hash}) == 3
    assert one.preprocessing_hash == model.preprocessing_hash
    track = noise(2.0)
    np.testing.assert_array_equal(one.embed(track), again.embed(track))
    assert np.abs(one.embed(track) - model.embed(track)).max() > 0.01


def test_towers_are_rebuilt_from_the_stored_recipe_alone(saved):
    info = json.loads((saved / "model.json").read_text())
    towers = build_towers(info["recipe"], sample_rate=info["sample_rate"])
    assert {n: v.shape for n, v in towers.state_dict().items()} == {
        n: v.shape for n, v in load_file(saved / "model.safetensors").items()
    }
