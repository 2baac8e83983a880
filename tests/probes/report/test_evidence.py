"""The card of a model: figures with their split, baselines, and limits in words, from the results alone."""

import pytest
import yaml

import reportparts
from contramuse.checkpoint.card import card
from contramuse.checkpoint.folder import read_info
from contramuse.errors import UserError
from contramuse.probes.report import Sources, assemble
from contramuse.probes.report.evidence import card_of, evidence_of
from contramuse.probes.report.sources import Session, Trained
from minimodel import make_model

EVIL = "a|b\n# <script>`[x](y)"


@pytest.fixture(scope="module")
def info(tmp_path_factory):
    return read_info(make_model(tmp_path_factory.mktemp("model")))


def reported(info, content, **more):
    content["parts"]["probe"]["systems"][0]["model_hash"] = info["model_hash"]
    log = ({"step": 200.0, "seconds": 60.0},)
    trained = Trained("run", info["recipe"], log, {"train_tracks": 480, **more}, info)
    return assemble(Sources(trained=(trained,), sessions=(Session(content["library"], content["parts"]),)))


def front(text):
    return yaml.safe_load(text.split("---\n")[1])


def test_figures_stand_with_split_interval_and_baselines(info):
    content = reportparts.evaluation()
    report = reported(info, content)
    text = card(info, "someone/small", evidence=evidence_of(report, card_of(report)), licence="mit")
    meta = front(text)
    assert meta["license"] == "mit"
    assert meta["pipeline_tag"] == "feature-extraction"
    assert meta["library_name"] == "contramuse"
    split = content["parts"]["probe"]["protocol"]["name"]
    results = meta["model-index"][0]["results"]
    assert {one["dataset"]["split"] for one in results} == {split}
    cell = content["parts"]["probe"]["tasks"][0]["results"][0]
    (genre,) = [one for one in results if one["task"]["name"] == "genre"]
    assert genre["metrics"][0]["value"] == cell["value"]
    assert genre["metrics"][0]["args"] == {"low": cell["low"], "high": cell["high"], "level": 0.95}
    line = next(line for line in text.splitlines() if line.startswith("| genre | accuracy"))
    assert line.count("\\[") == 4
    assert f"private library, {split}" in text
    for part in ("## How to use it", "## Training", "## Evaluation", "## Limits", "## Recipe", "## Citation"):
        assert part in text
    assert "480 tracks for training" in text
    assert "200 steps in 1.0 minutes" in text


def test_hubs_read_the_results(info):
    from huggingface_hub import ModelCard

    report = reported(info, reportparts.evaluation())
    read = ModelCard(card(info, "someone/small", evidence=evidence_of(report, card_of(report))))
    assert {one.dataset_split for one in read.data.eval_results} == {"stored split (train 400, valid 80, test 120)"}
    assert read.data.pipeline_tag == "feature-extraction"


def test_limits_say_what_was_lost_shared_and_not_learnt(info):
    content = reportparts.evaluation()
    probe = content["parts"]["probe"]
    probe["tasks"] = probe["tasks"][:1]
    for gap in probe["tasks"][0]["differences"]:
        gap["verdict"] = "worse" if gap["against"] == "MFCC statistics" else "better"
    probe["tasks"][0]["floor"]["accuracy"] = 0.99
    for cell in probe["tasks"][0]["results"]:
        cell["low"] = 0.995 if cell["system"] == "MFCC statistics" else cell["low"]
    probe["protocol"] |= {"trained_with_labels": ["tags"]}
    report = reported(info, content)
    limits = " ".join(evidence_of(report, card_of(report)).limits)
    assert 'the baseline "MFCC statistics" is better on genre' in limits
    assert "not above an answer without features on genre" in limits
    assert "the same audio is found 1 times" in limits
    assert "trained with labels: tags" in limits
    assert "falls from" in limits
    assert "between training runs" in limits


def test_a_model_that_was_not_measured_says_so(info):
    report = assemble(Sources(trained=(Trained("run", model=info),)))
    evidence = evidence_of(report, card_of(report))
    assert evidence.trials == ()
    text = card(info, "someone/small", evidence=evidence)
    assert "Nothing was measured" in text
    assert "model-index" not in front(text)
    assert "No licence was stated" in text
    with pytest.raises(UserError, match="no model to write a card of"):
        card_of(assemble(Sources()))


def test_published_figures_of_other_splits_are_left_out(info):
    content = reportparts.evaluation()
    task = content["parts"]["probe"]["tasks"][1]
    task["references"][0]["split"] = content["parts"]["probe"]["protocol"]["name"]
    report = reported(info, content)
    text = card(info, "someone/small", evidence=evidence_of(report, card_of(report)))
    assert "a published model" in text
    assert "| another |" not in text


def test_malicious_names_stay_in_their_cells(info):
    content = reportparts.evaluation()
    content["parts"]["probe"]["tasks"][0]["field"] = EVIL
    content["library"] |= {"dataset": {"name": EVIL, "title": EVIL, "split": EVIL}}
    report = reported(info, content)
    text = card(info, "someone/small", evidence=evidence_of(report, card_of(report)))
    assert "<script>" not in text.split("---\n")[2]
    assert "\n# <" not in text
    rows = [line for line in text.splitlines() if "accuracy" in line and line.startswith("| a")]
    assert rows
    assert all(line.replace("\\|", "").count("|") == 9 for line in rows)
    assert front(text)["model-index"][0]["results"][0]["dataset"]["name"] == EVIL
