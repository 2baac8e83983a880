"""Every shipped recipe, made small enough that a test can train it: the same parts, fewer channels, shorter crops."""

import subprocess
import sys
from pathlib import Path

from contramuse.recipe import Recipe, load_recipe, recipe_names

TRAINING = ("train.batch=8", "train.steps=20", "train.pieces=1", "train.schedule=constant", "train.watch_every=10",
            "train.checkpoint_every=20", "train.loggers=[csv]")  # fmt: skip

FASTER = "train.optimizer.lr=0.001"
SMALL_SAMPLE_CNN = ("towers.audio.encoder.size=small",)
SMALL_TRANSFORMER = ("towers.audio.encoder.dim=32", "towers.audio.encoder.depth=1", "towers.audio.encoder.heads=2")
SMALL_MEL_CONV = ("towers.audio.encoder.channels=4", "towers.audio.encoder.dim=16")
SMALL_SC_CNN = ("towers.audio.encoder.channels=8",)

SMALLER: dict[str, tuple[str, ...]] = {
    "choi": (*SMALL_MEL_CONV, "train.batch=4"),
    "choi_cpc": (*SMALL_MEL_CONV, "train.batch=4", "towers.audio.encoder.segment=1.5", "views.audio.take.seconds=5.2",
                 "towers.audio.head.steps=2", "towers.audio.head.predictions=1", "embed.window=5.2", "embed.hop=5.2"),
    "choi_intra": (*SMALL_MEL_CONV, "train.batch=4", "towers.audio.encoder.segment=1.5",
                   "views.anchor.take.seconds=4.2", "views.positive.take.seconds=4.2"),
    "clmr": (*SMALL_SAMPLE_CNN, FASTER),
    "clmr_16k": (*SMALL_SAMPLE_CNN, FASTER),
    "clmr_8k": (*SMALL_SAMPLE_CNN, FASTER),
    "clmr_byol": (*SMALL_SAMPLE_CNN, "train.batch=4", "towers.audio.head.hidden=32", "towers.audio.head.out=16",
                  "towers.audio.predictor.hidden=32", "towers.audio.predictor.out=16"),
    "clmr_cpc": ("towers.audio.encoder.dim=16", "towers.audio.head.dim=16", FASTER),
    "clmr_mel": ("towers.audio.encoder.channels=4", FASTER),
    "clmr_songs": (*SMALL_SAMPLE_CNN, FASTER, "sampler.by=key", "train.batch=6"),
    "clmr_supervised": (*SMALL_SAMPLE_CNN, "towers.class.encoder.dim=64"),
    "cola": ("train.batch=8", "train.optimizer.lr=0.0003", "views.audio.take.seconds=0.5"),
    "everything": (*SMALL_TRANSFORMER, "train.batch=4"),
    "factors": (*SMALL_TRANSFORMER, "train.batch=4"),
    "masked": SMALL_TRANSFORMER,
    "momentum": (*SMALL_TRANSFORMER, "contrasts.0.queue=16"),
    "mscol": ("train.batch=8", "train.optimizer.lr=0.0003", "views.stem.take.seconds=0.5",
              "views.mix.take.seconds=0.5"),
    "playlist_cross": SMALL_SC_CNN,
    "playlist_hybrid": (*SMALL_SC_CNN, "train.batch=4"),
    "playlist_pairs": (*SMALL_SC_CNN, "train.batch=4"),
    "playlist_self": SMALL_SC_CNN,
    "semisupcon": (*SMALL_SAMPLE_CNN, "train.batch=4", "train.optimizer.lr=0.001"),
    "semisupcon_key": SMALL_TRANSFORMER,
    "sigreg": SMALL_TRANSFORMER,
    "tiny": (),
    "vicreg": SMALL_TRANSFORMER,
}  # fmt: skip


def small(name: str, *overrides: str) -> Recipe:
    """The recipe ``name``, made small."""
    return load_recipe(name, [*TRAINING, *SMALLER[name], *overrides])


def names() -> list[str]:
    """All shipped recipes; one that cannot be made small is an error here."""
    assert set(SMALLER) == set(recipe_names())
    return sorted(SMALLER)


def write_libraries(root: Path) -> None:
    """The built-in corpus, prepared at every rate that a recipe wants, with collaborative-filtering vectors."""

    def run(*words: object) -> None:
        subprocess.run([sys.executable, "-m", "contramuse", *map(str, words)], check=True, capture_output=True)

    run("corpus", "-o", root / "music", "--tracks", 24, "--seconds", 12)
    for rate in (8000, 16000, 22050):
        run("prepare", root / "music", "-o", root / str(rate), "--rate", rate)
        run("vectors", "cf", root / str(rate))
        run("vectors", "genre", root / str(rate))
