"""What vectors are: the encoder's, a head's, several heads' at unit length; told in the provenance, never mixed."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch.nn import functional

from contramuse.checkpoint.model import load
from contramuse.embeddings import Embeddings, embed_library
from contramuse.errors import EmbeddingsError, UserError
from contramuse.search import resolve, search
from minilibrary import write_library
from minimodel import make_model, write_tone

HEADS = "towers.audio.heads={key: {kind: mlp, out: 8}, tempo: {kind: mlp, out: 4}}"
CONTRAST = "contrasts=[{between: [audio.key], target: {kind: same, by: track}, similarity: cosine}]"
NAMED = ("towers.audio.head=null", HEADS, CONTRAST)
CPC = (
    "sample_rate=8000", "views.audio.take.seconds=2.9", "embed.window=2.9", "embed.hop=1.45",
    "towers.audio.frontend={kind: log_mel, n_fft: 256, hop: 32, n_mels: 96}", "views.audio.augment=[]",
    "towers.audio.encoder={kind: mel_conv, dim: 16, channels: 8, segment: 1.5}",
    "towers.audio.head={kind: cpc, dim: 12, steps: 2, predictions: 2}",
)  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("output")
    write_library(root / "library", tracks=4, seconds=4.0)
    make_model(root / "single")
    make_model(root / "named", overrides=NAMED)
    return root


def windows_of(library, row, *, window, hop):
    samples = library.store.read(row).astype(np.float32) / 32768
    starts = list(range(0, len(samples) - window + 1, hop))
    if 2 * (len(samples) - starts[-1] - window) >= hop:
        starts.append(len(samples) - window)
    return torch.from_numpy(np.stack([samples[s : s + window] for s in starts]))[:, None]


def test_the_single_head(run, world, tmp_path):
    library, model = write_library(tmp_path / "library", tracks=2), load(world / "single")
    status, _, _ = run("embed", world / "single", tmp_path / "library", "-o", tmp_path / "out", "--output", "head")
    assert status == 0
    found = Embeddings.open(tmp_path / "out")
    assert (found.meta["output"], found.meta["parts"], found.dim) == (["head"], {"head": 32}, 32)
    x = windows_of(library, 1, window=33075, hop=33075)
    np.testing.assert_allclose(found.vectors[1], model.tower.project(x).mean(0).numpy(), atol=1e-5)


def test_named_heads_one_after_another_in_the_order_asked(run, world, tmp_path):
    library, model = write_library(tmp_path / "library", tracks=2), load(world / "named")
    out = tmp_path / "out"
    status, _, _ = run("embed", world / "named", tmp_path / "library", "-o", out, "--output", "tempo, key")
    assert status == 0
    found = Embeddings.open(out)
    assert (found.meta["output"], list(found.parts.items())) == (["tempo", "key"], [("tempo", 4), ("key", 8)])
    x = windows_of(library, 0, window=33075, hop=33075)
    parts = [functional.normalize(model.tower.project(x, name), dim=1).mean(0) for name in ("tempo", "key")]
    np.testing.assert_allclose(found.vectors[0], torch.cat(parts).numpy(), atol=1e-5)
    told = json.loads(pq.read_schema(out / "part-00000.parquet").metadata[b"contramuse"])
    assert list(told["parts"].items()) == [("tempo", 4), ("key", 8)]
    status, text, _ = run("search", out, "Tune 0", "--weigh", "tempo=3", "--weigh", "key=0", "--json")
    assert json.loads(text)["weights"] == {"tempo": 3.0, "key": 0.0}
    status, text, _ = run("search", out, "Tune 0", "--weigh", "tempo=3")
    assert "weights: tempo 3, key 1" in text


def test_the_recipes_output_is_the_default(run, world, tmp_path):
    make_model(tmp_path / "model", overrides=[*NAMED, "embed.output=[tempo]"])
    status, _, _ = run("embed", tmp_path / "model", world / "library", "-o", tmp_path / "out")
    assert status == 0
    assert Embeddings.open(tmp_path / "out").parts == {"tempo": 4}
    status, _, _ = run("embed", tmp_path / "model", world / "library", "-o", tmp_path / "e", "--output", "encoder")
    assert status == 0
    assert Embeddings.open(tmp_path / "e").parts == {"encoder": 64}


def test_embeddings_that_say_nothing_are_the_encoders(world, tmp_path):
    model = load(world / "single")
    embed_library(model, world / "library", tmp_path / "out")
    meta = json.loads((tmp_path / "out" / "embeddings.json").read_text())
    assert (meta.pop("output"), meta.pop("parts")) == (["encoder"], {"encoder": 64})
    (tmp_path / "out" / "embeddings.json").write_text(json.dumps(meta))
    assert Embeddings.open(tmp_path / "out").parts == {"encoder": 64}
    assert embed_library(model, world / "library", tmp_path / "out").kept == 4


def test_going_on_with_another_output_is_refused(run, world, tmp_path):
    embed_library(load(world / "single"), world / "library", tmp_path / "out")
    status, _, err = run("embed", world / "single", world / "library", "-o", tmp_path / "out", "--output", "head")
    assert status == 2
    assert "output: encoder there, head now" in err
    named = load(world / "named")
    embed_library(named.giving(["key", "tempo"]), world / "library", tmp_path / "named")
    with pytest.raises(EmbeddingsError, match="output: key,tempo there, tempo,key now"):
        embed_library(named.giving(["tempo", "key"]), world / "library", tmp_path / "named")


@pytest.mark.parametrize(
    ("model", "output", "known"),
    [
        ("single", "key", "encoder, head."),
        ("single", "encoder,head", "encoder, head."),
        ("single", "", "encoder, head."),
        ("named", "head", "encoder, key, tempo; several"),
        ("named", "key,key", "encoder, key, tempo; several"),
        ("named", "key,encoder", "encoder, key, tempo; several"),
    ],
)
def test_what_a_model_does_not_give(run, world, tmp_path, model, output, known):
    status, _, err = run("embed", world / model, world / "library", "-o", tmp_path / "out", "--output", output)
    assert status == 2
    assert f"Choose: {known}" in err
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError):
        load(world / model).giving(output.split(","))


def test_a_file_is_asked_in_the_space_of_the_collection(world, tmp_path):
    model = load(world / "single").giving(["head"])
    embed_library(model, world / "library", tmp_path / "out")
    found = Embeddings.open(tmp_path / "out")
    write_tone(tmp_path / "new.wav", seconds=2.0)
    query = resolve(found, str(tmp_path / "new.wav"))  # loads the model, whose own output is the encoder's
    np.testing.assert_allclose(query.vector, model.embed(tmp_path / "new.wav")[0], atol=1e-5)
    assert len(search(found, query)) == 4


def test_cpc_gives_its_context_averaged_over_time_and_windows(run, tmp_path):
    library = write_library(tmp_path / "library", tracks=2, seconds=5.0, sample_rate=8000)
    make_model(tmp_path / "model", recipe="choi_cpc", overrides=CPC)
    model = load(tmp_path / "model")
    assert (model.output, model.dim, model.parts) == (("head",), 12, {"head": 12})
    status, text, err = run("embed", tmp_path / "model", tmp_path / "library", "-o", tmp_path / "out", "--keep-windows")
    assert status == 0, text + err
    found = Embeddings.open(tmp_path / "out")
    x = windows_of(library, 1, window=23200, hop=11600)
    z = model.tower.encoder.sequence(model.tower.features(x))
    contexts = model.tower.head.levels[0].gru(z)[0].mean(1)
    assert len(contexts) == len(found.windows(1)) == 2
    np.testing.assert_allclose(found.windows(1), contexts.numpy(), atol=1e-5)
    np.testing.assert_allclose(found.vectors[1], contexts.mean(0).numpy(), atol=1e-5)
    assert len(search(found, resolve(found, "Tune 1"))) == 1


def test_projections_of_steps_are_pooled_as_steps_are(tmp_path):
    """Five levels, each step projected by one head: the mean over segments, levels one after another."""
    overrides = [
        *CPC[:6], "towers.audio.encoder={kind: mel_conv_multi, channels: 8, segment: 1.5, segments: 7}",
        "towers.audio.over=steps",
        "towers.audio.head={kind: mlp, out: 6}", "contrasts.0.between=[audio]", "contrasts.0.queries=[]",
        "contrasts.0.keys=[]",
    ]  # fmt: skip
    model = load(make_model(tmp_path / "model", recipe="choi_cpc", overrides=overrides))
    x = 0.1 * torch.randn(2, 1, 23200, generator=torch.Generator().manual_seed(0))
    steps = model.tower(x)[""].z
    levels = steps.shape[1]
    assert model.parts == {"head": 6 * levels}
    expected = torch.cat([steps[:, level].mean(1) for level in range(levels)], dim=1)
    torch.testing.assert_close(model.represent(x), expected)
