"""Our models as encoders of MTEB: by its protocol, and through a task of its own where it is installed."""

import numpy as np
import pytest
import torch

from contramuse.checkpoint.model import load
from contramuse.errors import UserError
from contramuse.probes.maeb import MaebModel
from minimodel import make_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model"))


def tone(number, *, channels=0):
    """Clips of several lengths and rates: even ones are high, odd ones low."""
    rate = (8000, 16000, 22050, 44100)[number % 4]
    t = np.arange(int(rate * (0.5 + number % 3))) / rate
    noise = np.random.default_rng(number).standard_normal(len(t))
    wave = (0.3 * np.sin(2 * np.pi * (300 if number % 2 else 2500) * t) + 0.05 * noise).astype(np.float32)
    return {"array": np.stack([wave] * channels) if channels else wave, "sampling_rate": rate}


def batches(clips, size):
    for start in range(0, len(clips), size):
        yield {"audio": clips[start : start + size], "label": torch.zeros(1)}


def encode(model, inputs, **more):
    return model.encode(inputs, task_metadata=None, hf_split="test", hf_subset="default", **more)


def test_vectors_are_those_of_embed(folder):
    model, plain = MaebModel(folder), load(folder)
    clips = [tone(number) for number in range(7)]
    found = encode(model, batches(clips, 3), batch_size=5, show_progress_bar=False)
    wanted = np.concatenate([plain.embed(clip["array"], clip["sampling_rate"]) for clip in clips])
    assert (found.shape, found.dtype) == ((7, plain.dim), np.float32)
    assert np.allclose(found, wanted, atol=1e-5)


def test_lists_channels_and_whole_numbers(folder):
    model, clip = MaebModel(folder), tone(4)
    forms = [clip["array"].tolist(), np.stack([clip["array"]] * 2), clip["array"].astype(np.float64)]
    found = encode(model, [{"audio": [{"array": form, "sampling_rate": clip["sampling_rate"]} for form in forms]}])
    assert np.allclose(found, found[:1], atol=1e-5)


def test_other_inputs_are_refused(folder):
    model = MaebModel(folder)
    with pytest.raises(UserError, match=r"holds text, the model reads audio.*modalities"):
        encode(model, [{"text": ["a"]}])
    with pytest.raises(UserError, match="clip 1 of test"):
        encode(model, [{"audio": [tone(0), {"array": np.zeros(0), "sampling_rate": 8000}]}])


def test_similarities_are_cosines(folder):
    model, rng = MaebModel(folder), np.random.default_rng(0)
    left, right = rng.normal(size=(3, 8)), rng.normal(size=(5, 8))
    wanted = [[a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in right] for a in left]
    assert np.allclose(model.similarity(left, torch.from_numpy(right)), wanted, atol=1e-6)
    assert np.allclose(model.similarity_pairwise(left, right[:3]), np.diag(wanted), atol=1e-6)
    assert np.allclose(model.similarity(left[0], right), wanted[:1], atol=1e-6)


def test_windows_may_be_others(folder):
    clip = [{"audio": [tone(2)]}]
    default, other = encode(MaebModel(folder), clip), encode(MaebModel(folder, hop=0.1), clip)
    assert not np.allclose(default, other, atol=1e-6)


def test_the_protocol_and_a_task_of_mteb(folder):
    """An audio classification of MTEB's own, on tones in memory."""
    mteb = pytest.importorskip("mteb")
    from datasets import Dataset, DatasetDict
    from mteb.abstasks.classification import AbsTaskClassification
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.models.models_protocols import EncoderProtocol

    class Tones(AbsTaskClassification):
        metadata = TaskMetadata(
            type="AudioClassification", name="Tones", main_score="accuracy", description="High or low.",
            reference="https://example.org", dataset={"path": "NA", "revision": "NA"}, category="t2t",
            eval_splits=["test"], eval_langs=["eng-Latn"], date=("2026-01-01", "2026-01-01"), dialect=["Written"],
            domains=[], task_subtypes=[], license="cc-by-4.0", annotations_creators="derived", modalities=["audio"],
            sample_creation="found", bibtex_citation="",
        )  # fmt: skip
        input_column_name = "audio"

        def load_data(self, **_):
            def rows(count):
                clips = [tone(number) for number in range(count)]
                return Dataset.from_dict({"audio": clips, "label": [number % 2 for number in range(count)]})

            self.dataset = DatasetDict({"train": rows(24), "test": rows(12)})
            self.data_loaded = True

    model = MaebModel(folder, name="ours/tiny")
    assert isinstance(model, EncoderProtocol)
    assert model.mteb_model_meta.embed_dim == load(folder).dim
    found = mteb.evaluate(model, Tones(), cache=None, show_progress_bar=False)
    assert found.model_name == "ours/tiny"
    assert found.task_results[0].scores["test"][0]["accuracy"] > 0.8
