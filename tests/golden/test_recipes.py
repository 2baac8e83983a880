"""Every shipped recipe, made small, trains on the built-in corpus: its loss falls, and 20 losses are as stored.

They are compared more loosely than those of ``tiny`` (see there): over all recipes, some with batch normalisation over
a few rows, the last bit of a sum grows further in 20 steps. A wrong formula is off from the first step on.

A change that is meant to change them: ``python tests/golden/test_recipes.py`` writes the file anew; say why in the
commit. ``python tests/golden/test_recipes.py NAME...`` writes those of some recipes.
"""

import json
import sys
import tempfile
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from smallrecipes import names, small, write_libraries

FILE = Path(__file__).with_name("recipe_losses.json")


def losses(name: str, root: Path) -> list[float]:
    """Train the recipe ``name`` on its library in ``root``, and return the loss of every step."""
    from contramuse.catalogue.library import Library
    from contramuse.train import fit, session

    every, session.LOG_EVERY = session.LOG_EVERY, 1
    recipe = small(name)
    try:
        library = Library.open(root / str(recipe.sample_rate))
        with tempfile.TemporaryDirectory() as folder:
            return fit(recipe, library, Path(folder) / "run", accelerator="cpu").losses
    finally:
        session.LOG_EVERY = every


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_a_recipe_trains_and_its_losses_are_as_stored(name: str, corpus_libraries: Path) -> None:
    found = losses(name, corpus_libraries)
    assert len(found) == 20
    assert sum(found[-5:]) < sum(found[:5])
    expected = json.loads(FILE.read_text(encoding="utf-8"))["losses"][name]
    assert found[0] == pytest.approx(expected[0], rel=1e-4)
    assert found == pytest.approx(expected, rel=0.01, abs=0.01)


if __name__ == "__main__":
    torch.set_num_threads(1)
    stored = json.loads(FILE.read_text(encoding="utf-8"))["losses"] if FILE.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        write_libraries(Path(folder))
        for name in sys.argv[1:] or names():
            stored[name] = losses(name, Path(folder))
            print(f"{name:16}", *(f"{loss:.3f}" for loss in stored[name][::4]), flush=True)
    kept = {name: stored[name] for name in names() if name in stored}
    FILE.write_text(json.dumps({"torch": torch.__version__, "losses": kept}, indent=1) + "\n", encoding="utf-8")
