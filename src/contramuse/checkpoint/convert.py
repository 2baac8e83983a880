"""What a file of a published model is, told by its content, and the import that it goes to."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from contramuse.checkpoint.bundle import prefix_of
from contramuse.checkpoint.choi import STATISTICS, Statistics, import_choi
from contramuse.checkpoint.clmr import import_clmr
from contramuse.checkpoint.foreign import LAYER, Imported, State, read_state
from contramuse.checkpoint.melon import import_melon
from contramuse.checkpoint.mscol import import_mscol
from contramuse.checkpoint.onnx_file import is_onnx
from contramuse.checkpoint.semisupcon import BLOCK, import_semisupcon
from contramuse.errors import ModelFileError, UserError


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a user may say about a file.

    Args:
        head: a second file, of what was trained on the encoder.
        classes: names of a classifier's outputs, or the data set whose order they have.
        sample_rate: Hz, where the weights do not tell.
        trained_on: the data set whose statistics the frontend takes off.
    """

    head: Path | None = None
    classes: str | tuple[str, ...] | None = None
    sample_rate: int | None = None
    trained_on: str | None = None

    def names(self) -> Sequence[str] | None:
        """The classes as a list.

        Raises:
            UserError: they are named by a data set.
        """
        if isinstance(self.classes, str):
            fix = "Give a file with one name per line."
            raise UserError("is no file", name="--classes", value=self.classes, fix=fix)
        return self.classes


@dataclass(frozen=True)
class Layout:
    """A layout of published files.

    Args:
        name: whose it is.
        looked_for: what it is known by.
        takes: the choices that go with it.
        load: the import.
    """

    name: str
    looked_for: str
    takes: tuple[str, ...]
    load: Callable[[Path, Path, Choices], Imported]


def _clmr(file: Path, out: Path, given: Choices) -> Imported:
    return import_clmr(file, out, head=given.head, classes=given.classes, sample_rate=given.sample_rate)


def _semisupcon(file: Path, out: Path, given: Choices) -> Imported:
    return import_semisupcon(file, out, classes=given.names(), sample_rate=given.sample_rate)


def _melon(file: Path, out: Path, given: Choices) -> Imported:
    return import_melon(file, out, classes=given.names())


def _choi(file: Path, out: Path, given: Choices) -> Imported:
    trained_on = given.trained_on or "fma"
    if trained_on not in STATISTICS:
        fix = f"Write one of {', '.join(STATISTICS)}."
        raise UserError("has no known statistics", name="--trained-on", value=trained_on, fix=fix)
    return import_choi(file, out, head=given.head, trained_on=cast(Statistics, trained_on))


def _mscol(file: Path, out: Path, given: Choices) -> Imported:
    return import_mscol(file, out)


LAYOUTS = {
    "clmr": Layout(
        "CLMR", "eleven blocks sequential.N.{0,1} or convN.{0,1} of SampleCNN, with a projector or alone",
        ("head", "classes", "sample_rate"), _clmr,
    ),
    "clmr_onnx": Layout(
        "CLMR, exported", "an ONNX graph of eleven convolutions", ("head", "classes", "sample_rate"), _clmr
    ),
    "semisupcon": Layout(
        "SemiSupCon", "proj_head.* or semisupcon.*, or the blocks of TUNe+", ("classes", "sample_rate"), _semisupcon
    ),
    "melon": Layout(
        "Ferraro et al., PlaylistContrastive", "audio_encoder.* of SC-CNN or ResNet-18, with fc_audio.*",
        ("classes",), _melon,
    ),
    "choi": Layout(
        "Choi et al.", "sequential.N.{0,1} or convs.N.{0,1} of images, with fc_layer.* or fc_layers.*",
        ("head", "trained_on"), _choi,
    ),
    "mscol": Layout(
        "MSCOL", "a TensorFlow checkpoint (NAME.index and NAME.data-...) of EfficientNet-B0", (), _mscol
    ),
}  # fmt: skip
"""In the order in which an error lists them."""

PARTS = {
    "the module of CPC of Choi et al.": r"Wk\.\d+\.weight",
    "a linear classifier": r"(model\.|finetuner\.)?0\.weight",
}
"""What goes with an encoder, under --head -> a name in it."""


def convert(file: str | Path, out: str | Path, given: Choices | None = None) -> tuple[Layout, Imported]:
    """Turn a published model's file into a model folder.

    Args:
        file: a checkpoint of PyTorch or Lightning, an ONNX file, or the name of a TensorFlow checkpoint.
        out: the folder.
        given: what the user says about it.

    Returns:
        What it was, and what was made.

    Raises:
        ModelFileError: the file is absent, damaged, or of no known layout.
        UserError: a choice does not go with the file.
    """
    choices = given or Choices()
    layout = LAYOUTS[recognise(file)]
    for name in ("head", "classes", "sample_rate", "trained_on"):
        value = getattr(choices, name)
        if value is not None and name not in layout.takes:
            fix = f"Leave it out: {layout.name} says this itself, or has none."
            raise UserError(
                f"does not go with a file of {layout.name}", name=f"--{name.replace('_', '-')}", value=value, fix=fix
            )
    return layout, layout.load(Path(file), Path(out), choices)


def recognise(file: str | Path) -> str:
    """The key in ``LAYOUTS`` of what a file is, by its content.

    Raises:
        ModelFileError: it is absent, damaged, or of no known layout; the message lists what was looked for.
    """
    path = Path(file)
    if prefix_of(path) is not None:
        return "mscol"
    if path.is_dir():
        fix = "Give the file itself; a folder with model.json is a model already."
        raise ModelFileError("is a folder", name="file", value=path, fix=fix)
    if path.is_file() and is_onnx(path):
        return "clmr_onnx"
    _refuse_others(path)
    state = read_state(path)
    found = recognise_state(state)
    if found is None:
        for part, pattern in PARTS.items():
            if any(re.fullmatch(pattern, key) for key in state):
                fix = "Give the encoder's file, and this one with --head."
                raise ModelFileError(f"holds {part} and no encoder", name="file", value=path, fix=fix)
        raise _unknown(path, f"is of no layout that is known; it holds {', '.join(list(state)[:3])}, ...")
    return found


def _unknown(path: Path, problem: str) -> ModelFileError:
    listed = "; ".join(f"{layout.name}: {layout.looked_for}" for layout in LAYOUTS.values())
    return ModelFileError(problem, name="file", value=path, fix=f"Looked for: {listed}.")


def _refuse_others(path: Path) -> None:
    """Refuse what is no file of PyTorch's: archives, as checkpoints are published in, safetensors, anything else.

    Raises:
        ModelFileError: it is such a file.
    """
    if not path.is_file():
        return
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
        if not any(name.endswith("data.pkl") for name in members):
            fix = f"Unpack it, and give the file in it ({', '.join(members[:3])})."
            raise ModelFileError("is an archive of files", name="file", value=path, fix=fix)
        return
    with open(path, "rb") as stream:
        first = stream.read(9)
    if first[8:] == b"{":
        fix = "A folder with model.safetensors and model.json is a model already; others are of no known layout."
        raise ModelFileError("holds safetensors", name="file", value=path, fix=fix)
    if not first.startswith((b"PK", b"\x80")):  # a cut archive, and the pickles of before PyTorch 1.6
        raise _unknown(path, "is no checkpoint of PyTorch or TensorFlow and no ONNX file")


def recognise_state(state: State) -> str | None:
    """The key in ``LAYOUTS`` of the tensors of a checkpoint; None for another network's."""
    keys = [key.removeprefix("module.") for key in state]
    inner = [key.split("encoder.")[-1] for key in keys]
    images = any(value.ndim == 4 for value in state.values())
    if any(key.startswith("fc_layer") for key in keys) and images:
        return "choi"
    if any(key.startswith("audio_encoder.") for key in keys) and images:
        return "melon"
    if any(key.startswith(("semisupcon.", "proj_head.")) for key in keys) or any(BLOCK.fullmatch(k) for k in inner):
        return "semisupcon"
    if any(LAYER.fullmatch(key) for key in inner) and not images:
        return "clmr"
    return None
