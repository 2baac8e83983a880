"""A trained model on disk and in memory: safetensors and JSON, no code is ever run from a model's folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from contramuse import __version__
from contramuse.checkpoint.folder import FORMAT, INFO, VERSION, WEIGHTS, check_state, locate, read_info, read_weights
from contramuse.checkpoint.windows import Blocks, Place, Pooled, Source, file_source, pooled
from contramuse.encoders.tower import ENCODER
from contramuse.errors import ContramuseError, DecodeError, ModelFileError, UserError
from contramuse.files import replacing, stable_hash
from contramuse.views import samples_of

if TYPE_CHECKING:
    from contramuse.checkpoint.corruption import Corruption

DECODING = {"downmix": "mean of channels", "resampler": "soxr HQ", "store": "int16 / 32768"}
"""What turns a file into samples; part of the preprocessing hash, so change it when the decoder's output changes."""

Audio = str | Path | NDArray[Any] | Tensor


def preprocessing(
    recipe: Mapping[str, Any],
    tower: str,
    *,
    sample_rate: int,
    window: float,
    hop: float,
    output: Sequence[str] = ENCODER,
) -> dict[str, Any]:
    """Everything between a file and its vector but the weights: two vectors compare only where this is the same.

    Args:
        recipe: a resolved recipe.
        tower: the tower that embeds.
        sample_rate: of the samples, Hz.
        window: seconds per window.
        hop: seconds from window to window.
        output: what the vectors are, see ``Tower.emit``.
    """
    towers = recipe["towers"]
    frontend = towers[towers[tower].get("follow") or tower]["frontend"]
    given = {} if tuple(output) == ENCODER else {"output": list(output)}
    return {
        "sample_rate": int(sample_rate), "window": float(window), "hop": float(hop), "pooling": "mean",
        "frontend": frontend, **given, **DECODING,
    }  # fmt: skip


def save_model(
    folder: str | Path,
    *,
    towers: nn.ModuleDict,
    tower: str,
    recipe: Mapping[str, Any],
    sample_rate: int,
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``model.safetensors`` and ``model.json``, each to a temporary name and then moved into place.

    Args:
        folder: made if absent; the model that it holds is replaced.
        towers: all towers of the strategy; their state is saved whole, with heads.
        tower: name of the one that embeds.
        recipe: the resolved recipe, from which the towers are rebuilt.
        sample_rate: of the library that it was trained on, Hz.
        extra: further facts for the JSON (``library_fingerprint``, steps, loss, ...).

    Returns:
        The folder.

    Raises:
        StorageError: the folder cannot be written.
    """
    data, digest = _serialised(towers)
    info = _describe(towers, tower, recipe, sample_rate=sample_rate, model_hash=digest, extra=dict(extra or {}))
    root = Path(folder)
    with replacing(root / INFO) as info_file, replacing(root / WEIGHTS) as weights_file:
        weights_file.write_bytes(data)
        info_file.write_text(json.dumps(info, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return root


def _serialised(towers: nn.Module) -> tuple[bytes, str]:
    from safetensors.torch import save

    state = {name: value.detach().cpu().contiguous().clone() for name, value in towers.state_dict().items()}
    data = save(state, metadata={"format": "pt"})
    return data, hashlib.sha256(data).hexdigest()


def _describe(
    towers: nn.ModuleDict,
    tower: str,
    recipe: Mapping[str, Any],
    *,
    sample_rate: int,
    model_hash: str,
    extra: dict[str, Any],
) -> dict[str, Any]:
    from contramuse.recipe import Recipe

    window, hop = float(recipe["embed"]["window"]), float(recipe["embed"]["hop"])
    embedder: Any = towers[tower]
    output = tuple(recipe["embed"].get("output", ENCODER))
    steps = preprocessing(recipe, tower, sample_rate=sample_rate, window=window, hop=hop, output=output)
    return {
        "format": FORMAT, "version": VERSION, "model_hash": model_hash, "preprocessing_hash": stable_hash(steps),
        "recipe_hash": Recipe.from_resolved(recipe).hash, "code_version": __version__,
        "library_fingerprint": extra.pop("library_fingerprint", None), "tower": tower,
        "dim": sum(embedder.parts(output).values()), "output": list(output),
        "sample_rate": int(sample_rate), "window": window, "hop": hop,
        "parameters": sum(p.numel() for p in embedder.encoder.parameters()),
        "preprocessing": steps, "extra": extra, "recipe": dict(recipe),
    }  # fmt: skip


def build_towers(recipe: Mapping[str, Any], *, sample_rate: int) -> nn.ModuleDict:
    """The towers of a resolved recipe, with fresh weights."""
    from contramuse.recipe import Recipe

    return Recipe.from_resolved(recipe).build_towers(sample_rate=sample_rate)


def load(path: str | Path) -> Model:
    """Load a model from its folder, from a run's folder (its ``model/``), or by its hub id ``user/name[@revision]``.

    Raises:
        ModelFileError: it is not a model of ours, is damaged, or was written by a newer version.
    """
    root = locate(path)
    info = read_info(root)
    state, digest = read_weights(root / WEIGHTS)
    try:
        towers = build_towers(info["recipe"], sample_rate=info["sample_rate"])
    except ContramuseError as error:
        raise ModelFileError(
            f"its recipe cannot be built by contramuse {__version__} ({error.problem})", name="model",
            value=root / INFO,
            fix=f"It was written by contramuse {info.get('code_version')}: install that version or a newer one.",
        ) from error  # fmt: skip
    check_state(towers.state_dict(), state, root / WEIGHTS)
    if digest != info["model_hash"]:
        raise ModelFileError(
            f"its SHA-256 begins with {digest[:12]}, model.json says {str(info['model_hash'])[:12]}",
            name="model weights", value=root / WEIGHTS,
            fix="The two files are not of one save, or the weights were changed: copy both again from one source.",
        )  # fmt: skip
    towers.load_state_dict(state)
    _check_facts(info, towers, root / INFO)
    return Model(towers, info, path=root.resolve())


def _check_facts(info: Mapping[str, Any], towers: nn.ModuleDict, file: Path) -> None:
    tower: Any = towers[info["tower"]] if isinstance(info["tower"], str) and info["tower"] in towers else None
    for name, right in {
        "tower": tower is not None,
        "dim": tower is not None and info["dim"] == sum(tower.parts(info.get("output", ENCODER)).values()),
        "window": type(info["window"]) in (int, float) and info["window"] > 0,
        "hop": type(info["hop"]) in (int, float) and info["hop"] > 0,
    }.items():
        if not right:
            raise ModelFileError(
                f"{name} {info[name]!r} does not fit the weights", name="model", value=file,
                fix="model.json was changed: copy the model again from its source.",
            )  # fmt: skip


class Model:
    """A frozen encoder with what it needs to turn files into vectors.

    Attributes:
        info: the content of ``model.json``.
        tower: the tower that embeds, in evaluation mode.
        path: the folder that it was loaded from; None for one that was made in memory.
    """

    def __init__(self, towers: nn.ModuleDict, info: Mapping[str, Any], *, path: Path | None = None) -> None:
        self.path = path
        self.towers, self.info = towers.eval().requires_grad_(False), dict(info)
        self.tower: Any = towers[self.info["tower"]]
        self.sample_rate: int = self.info["sample_rate"]
        self.dim: int = self.info["dim"]
        self.output: tuple[str, ...] = tuple(self.info.get("output", ENCODER))
        self.window: float = self.info["window"]
        self.hop: float = self.info["hop"]
        self.model_hash: str = self.info["model_hash"]
        self.preprocessing_hash: str = self.info["preprocessing_hash"]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next((p.device for p in self.tower.parameters()), torch.device("cpu"))

    def to(self, device: str | torch.device) -> Model:
        """Move the weights; returns the model itself."""
        self.towers.to(device)
        return self

    def preprocessing(self, *, window: float | None = None, hop: float | None = None) -> dict[str, Any]:
        """The steps before the encoder, with another window or hop (seconds) where given."""
        return preprocessing(
            self.info["recipe"], self.info["tower"], sample_rate=self.sample_rate,
            window=self.window if window is None else window, hop=self.hop if hop is None else hop, output=self.output,
        )  # fmt: skip

    @property
    def parts(self) -> dict[str, int]:
        """Widths of the parts of a vector, by name, in order; their sum is ``dim``."""
        parts: dict[str, int] = self.tower.parts(self.output)
        return parts

    def giving(self, output: Sequence[str]) -> Model:
        """The same model with other vectors: ("encoder",), ("head",), or names of heads.

        Raises:
            UserError: the tower has no such head, or one is named twice.
        """
        heads = [name for name in self.tower.named_heads() if name]
        known = ["encoder", *(heads or ["head"])]
        whole = len(output) == 1 and output[0] in ("encoder", *([] if heads else ["head"]))
        named = set(output) <= set(heads) and len(set(output)) == len(output)
        if not output or not (whole or named):
            fix = f"Choose: {', '.join(known)}{'; several heads may be joined by commas' if heads else ''}."
            raise UserError("is not what this model gives", name="output", value=",".join(output), fix=fix)
        widths = self.tower.parts(output)
        info = {**self.info, "output": list(output), "dim": sum(widths.values())}
        made = Model(self.towers, info, path=self.path)
        made.preprocessing_hash = made.info["preprocessing_hash"] = stable_hash(made.preprocessing())
        return made

    def represent(self, x: Tensor) -> Tensor:
        """Windows float32 [b 1 t] at the model's rate to vectors [b dim], without gradient, in evaluation mode.

        Even of a tower that someone put into training mode: batch statistics would drift with every window.
        """
        self.tower.eval()
        with torch.inference_mode():
            return self.tower.emit(x.to(self.device), self.output)  # type: ignore[no-any-return]

    def embed_sources(
        self,
        sources: Iterable[Source],
        *,
        window: float | None = None,
        hop: float | None = None,
        batch: int = 16,
        keep: str = "vectors",
        corruption: Corruption | None = None,
        identify: Callable[[int], str] = str,
    ) -> Iterator[Pooled]:
        """Vectors of tracks that are opened one after another; see ``checkpoint.windows`` for the rule.

        Args:
            sources: openers of tracks, at the model's rate.
            window: seconds per window; the model's own by default.
            hop: seconds from window to window; the model's own by default.
            batch: windows per forward pass; changes the speed, not the result.
            keep: "vectors" or "windows" (the windows' vectors too).
            corruption: that the windows go through.
            identify: from the position of a source to the id of its track, which the draws of a corruption depend on.
        """
        self.tower.eval()

        def represent(x: Tensor, places: Sequence[Place]) -> Tensor:
            return self.represent(x)

        return pooled(
            represent if corruption is None else corruption.represent(self, identify),
            sources, batch=batch, keep=keep == "windows",
            window=samples_of(self.window if window is None else window, sample_rate=self.sample_rate),
            hop=samples_of(self.hop if hop is None else hop, sample_rate=self.sample_rate),
        )  # fmt: skip

    def embed(self, files_or_arrays: Audio | Sequence[Audio], sample_rate: int | None = None) -> NDArray[np.float32]:
        """One vector per file or array.

        Args:
            files_or_arrays: one, or a sequence of: a path; samples [t] or [c t] (channels first; averaged).
            sample_rate: of the arrays, Hz; the model's own by default. Files know theirs.

        Returns:
            float32 [n h], n = 1 for a single file or array.

        Raises:
            DecodeError: a file cannot be read, or holds no audio.
            UserError: an array is not [t] or [c t], or holds values that are not finite.
        """
        single = isinstance(files_or_arrays, (str, Path, np.ndarray, Tensor))
        items: Sequence[Any] = [files_or_arrays] if single else list(files_or_arrays)  # type: ignore[arg-type]
        sources = [
            file_source(item, self.sample_rate) if isinstance(item, (str, Path))
            else array_source(item, sample_rate or self.sample_rate, self.sample_rate)
            for item in items
        ]  # fmt: skip
        vectors = np.zeros((len(items), self.dim), np.float32)
        for result in self.embed_sources(sources):
            if result.vector is None:
                value = items[result.index] if isinstance(items[result.index], (str, Path)) else f"array {result.index}"
                raise DecodeError(result.failure, name="audio", value=value, fix="Leave it out, or repair the file.")
            vectors[result.index] = result.vector
        return vectors

    def randomised(self, seed: int) -> Model:
        """The same architecture with fresh random weights: the baseline that says what training added."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            towers = build_towers(self.info["recipe"], sample_rate=self.sample_rate)
        _, digest = _serialised(towers)
        extra = {**self.info.get("extra", {}), "randomised": seed}
        return Model(towers.to(self.device), {**self.info, "model_hash": digest, "extra": extra}, path=self.path)


def array_source(samples: NDArray[Any] | Tensor, source_rate: int, sample_rate: int) -> Source:
    """Samples [t] or [c t] at ``source_rate`` as a source at ``sample_rate``: channels averaged, resampled by soxr.

    Raises:
        UserError: another shape, or values that are not finite.
    """
    values = samples.detach().cpu().numpy() if isinstance(samples, Tensor) else np.asarray(samples)
    if values.ndim not in (1, 2) or (values.ndim == 2 and values.shape[0] > 32):
        raise UserError(
            f"has shape {list(values.shape)}", name="array",
            fix="Give samples [t] or [c t], channels first; several tracks are given as a list.",
        )  # fmt: skip
    if values.dtype == np.int16:
        values = values.astype(np.float32) / np.float32(32768.0)
    mono = values.astype(np.float32, copy=False) if values.ndim == 1 else values.mean(0, dtype=np.float32)
    if not np.isfinite(mono).all():
        raise UserError("holds values that are not finite", name="array", fix="Replace NaN and infinity first.")

    def open_array() -> Blocks:
        if source_rate != sample_rate:
            import soxr

            yield soxr.resample(mono, source_rate, sample_rate, quality="HQ").astype(np.float32, copy=False)
        else:
            yield mono

    return open_array
