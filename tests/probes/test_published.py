"""The table of protocols: what it names exists, and figures stand only where they compare."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, get_args

import pytest

from contramuse.catalogue.datasets import DATASETS
from contramuse.errors import LibraryError, UserError
from contramuse.probes.published import PROTOCOLS, protocols_for, references_of
from contramuse.recipe.parts import settings


def library(name: str = "", **choices: Any) -> Any:
    held = {"name": name, "choices": choices, "split": "x"} if name else None
    return SimpleNamespace(info={"dataset": held} if held else {})


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_names_a_dataset_and_choices_that_exist(name):
    protocol = PROTOCOLS[name]
    assert protocol.dataset in DATASETS
    known = settings(DATASETS[protocol.dataset])
    for key, value in protocol.choices.items():
        assert key in known
        assert value in (get_args(known[key][0]) or (value,))
    assert protocol.fields or protocol.task == "continuation"
    for one in protocol.references:
        assert 0 < one.value < 1
        assert one.source
        assert one.metric in protocol.metrics


def test_the_two_lists_of_magnatagatune_are_never_compared():
    whole, cleaned = (
        library("magnatagatune", split="pons2017", tags="top50"),
        library("magnatagatune", split="cleaned", tags="top50"),
    )
    assert list(protocols_for(whole)) == ["mtat"]
    assert list(protocols_for(cleaned)) == ["mtat_cleaned"]
    assert references_of(protocols_for(whole), "tags", ("roc_auc",), "pons2017")
    assert not references_of(protocols_for(cleaned), "tags", ("roc_auc",), "cleaned")
    with pytest.raises(LibraryError, match=r"mtat.*split=pons2017"):
        protocols_for(cleaned, ("mtat",))
    with pytest.raises(LibraryError, match=r"holds irmas\. .*contramuse data gtzan split=fault_filtered --root"):
        protocols_for(library("irmas"), ("gtzan",))
    with pytest.raises(UserError, match="Known: mtat"):
        protocols_for(whole, ("mtta",))
    assert protocols_for(library()) == {}
