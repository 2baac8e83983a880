"""Separators: pieces that join without a seam, demucs' own numbers, weights that are opened and never run."""

from __future__ import annotations

import json
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from contramuse.catalogue.separate import SEPARATORS, separated
from contramuse.catalogue.separate.demucs import load_demucs
from contramuse.catalogue.separate.openunmix import load_openunmix
from contramuse.errors import MissingDependencyError, ModelFileError
from minidemucs import RATE, SOURCES, save_demucs, small_demucs

CPU = torch.device("cpu")


class Shares:
    """Two sources: a moving mean of the mix over ``width`` samples, and the rest."""

    name, sample_rate, sources, scaling = "shares", 100, ("slow", "fast"), "none"

    def __init__(self, width: int = 1) -> None:
        self.width = width

    def separate(self, x: torch.Tensor) -> torch.Tensor:
        kernel = torch.ones(1, 1, self.width) / self.width
        slow = torch.nn.functional.conv1d(x[:, None], kernel, padding=self.width // 2)[:, 0, : x.shape[1]]
        return torch.stack([slow, x - slow])


def blocks_of(x: np.ndarray, cuts: list[int]) -> list[np.ndarray]:
    return np.split(x, sorted(c % (x.shape[1] + 1) for c in cuts), axis=1)


@settings(max_examples=80, deadline=None)
@given(
    length=st.integers(0, 3000), cuts=st.lists(st.integers(0, 5000), max_size=5),
    piece=st.integers(200, 900), overlap=st.integers(0, 190), seed=st.integers(0, 99),
)  # fmt: skip
def test_pieces_join_to_what_the_whole_gives(length: int, cuts: list[int], piece: int, overlap: int, seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((2, length)).astype(np.float32)
    found = list(
        separated(
            blocks_of(x, cuts), Shares(), level=(0.0, 1.0), piece_seconds=piece / 100, overlap_seconds=overlap / 100
        )
    )
    y = np.concatenate([np.zeros((2, 0), np.float32), *found], axis=1)
    assert y.shape == (2, length)
    assert np.allclose(y[0], x.mean(0), atol=1e-6)
    assert np.allclose(y[1], 0, atol=1e-6)


def test_the_seam_of_a_model_that_looks_around_is_faded_over() -> None:
    """At a piece's edge a window of 21 samples sees zeros; its neighbour, which does not, has nearly all the weight."""
    rng = np.random.default_rng(0)
    x = (1 + 0.1 * rng.standard_normal((2, 2000))).astype(np.float32)
    whole = Shares(21).separate(torch.from_numpy(x)).mean(1).numpy()

    def worst(overlap: float) -> float:
        y = list(separated([x], Shares(21), level=(0, 1), piece_seconds=5.0, overlap_seconds=overlap))
        return float(np.abs(np.concatenate(y, 1) - whole)[:, 50:-50].max())

    assert worst(0.0) > 0.4
    assert worst(2.0) < 0.03


def test_a_separator_may_want_the_track_scaled() -> None:
    seen = []

    class Scaled(Shares):
        scaling = "track"

        def separate(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x)
            return super().separate(x)

    x = (3 + 5 * np.random.default_rng(0).standard_normal((2, 2000))).astype(np.float32)
    level = (float(x.mean()), float(x.mean(0).std()))
    y = np.concatenate(list(separated([x], Scaled(), level=level)), 1)
    assert abs(float(seen[0].mean())) < 1e-3
    assert np.allclose(y[0], x.mean(0), atol=1e-4)


class TestDemucs:
    """Needs the package; weights are random, of the true class."""

    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("demucs")

    def test_it_gives_what_demucs_own_api_gives(self, tmp_path: Path) -> None:
        from demucs.api import Separator
        from demucs.pretrained import get_model

        folder = save_demucs(tmp_path / "repo", seeds=(1, 2))
        ours = load_demucs(folder, device=CPU)
        assert (ours.sources, ours.sample_rate, ours.scaling) == (SOURCES, RATE, "track")
        assert ours.name.startswith("demucs htdemucs ")
        theirs = get_model("htdemucs", repo=folder)  # these files are our own
        known = theirs.state_dict()
        assert all(torch.equal(value, known[name]) for name, value in ours._model.state_dict().items())
        x = 0.1 * torch.randn(2, 4 * RATE, generator=torch.Generator().manual_seed(0)) + 0.01
        api = Separator.__new__(Separator)
        api._model, api._samplerate, api._audio_channels = theirs, RATE, 2
        api.update_parameter("cpu", 0, 0.25, True, None, 0, False, None, None)
        _, expected = api.separate_tensor(x, RATE)
        middle = x.mean(0).double()
        level = (float(middle.mean()), float(middle.std()))
        (got,) = separated([x.numpy()], ours, level=level)
        for name, y in zip(ours.sources, got, strict=True):
            assert np.abs(y - expected[name].mean(0).numpy()).max() < 1e-5
            assert np.abs(y).max() > 1e-3

    def test_folders_and_files_of_weights(self, tmp_path: Path) -> None:
        from safetensors.torch import save_file

        folder = save_demucs(tmp_path / "repo")
        (single,) = folder.glob("*.th")
        one = load_demucs(single, device=CPU)
        assert one.name.split()[1] == "5eed0000"
        model = small_demucs()
        args, kwargs = model._init_args_kwargs
        kwargs = {**kwargs, "segment": {"_type": "fraction", "numerator": 3, "denominator": 2}}
        facts = {"klass": "demucs.htdemucs.HTDemucs", "args": json.dumps(args), "kwargs": json.dumps(kwargs)}
        (tmp_path / "hub").mkdir()
        save_file(model.state_dict(), tmp_path / "hub/5eed0000.safetensors", metadata=facts)
        (tmp_path / "hub/htdemucs.yaml").write_text("models: ['5eed0000']\n")
        x = torch.randn(2, RATE, generator=torch.Generator().manual_seed(1))
        hub = load_demucs(tmp_path / "hub", device=CPU)
        assert torch.allclose(hub.separate(x), one.separate(x), atol=1e-3)  # one kind keeps half precision
        assert hub.name != one.name
        facts["klass"] = "subprocess.Popen"
        save_file({}, tmp_path / "hub/5eed0000.safetensors", metadata=facts)
        with pytest.raises(ModelFileError, match=r"holds subprocess.Popen"):
            load_demucs(tmp_path / "hub", device=CPU)

    def test_what_would_run_is_refused(self, tmp_path: Path) -> None:
        class Trap:
            def __reduce__(self) -> tuple[object, ...]:
                return (open, (str(tmp_path / "trapped"), "w"))

        folder = save_demucs(tmp_path / "repo")
        (file,) = folder.glob("*.th")
        package = {"klass": Trap(), "args": [], "kwargs": {}, "state": {}}
        torch.save(package, file)
        with pytest.raises(ModelFileError, match="cannot be opened as weights alone"):
            load_demucs(folder, device=CPU)
        file.write_bytes(pickle.dumps(package))
        with pytest.raises(ModelFileError, match="cannot be opened as weights alone"):
            load_demucs(file, device=CPU)
        assert not (tmp_path / "trapped").exists()
        for damage in (b"", b"PK\x03\x04", file.read_bytes()[:100]):
            file.write_bytes(damage)
            with pytest.raises(ModelFileError):
                load_demucs(file, device=CPU)

    def test_what_is_not_there_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(ModelFileError, match="no such file or folder"):
            load_demucs(tmp_path / "none", device=CPU)
        with pytest.raises(ModelFileError, match="holds no weights of demucs"):
            load_demucs(tmp_path, device=CPU)
        save_demucs(tmp_path, bag="a")
        (tmp_path / "b.yaml").write_text("models: [x]")
        with pytest.raises(ModelFileError, match=r"several models \(a.yaml, b.yaml\)"):
            load_demucs(tmp_path, device=CPU)
        with pytest.raises(ModelFileError, match="not one file each for x"):
            load_demucs(tmp_path / "b.yaml", device=CPU)


def test_openunmix_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    with pytest.raises(MissingDependencyError, match=r"openunmix: cannot be imported.*--model demucs"):
        load_openunmix(tmp_path, device=CPU)
    assert set(SEPARATORS) == {"demucs", "openunmix"}


def write_openunmix(folder: Path, network: object) -> None:
    """A folder as Open-Unmix's training writes it, of the true shape in small."""
    folder.mkdir()
    facts = {"sample_rate": 44100.0, "nfft": 1024, "nhop": 256, "nb_channels": 2}
    (folder / "separator.json").write_text(json.dumps(facts))
    for name in ("bass", "vocals"):
        settings = {"args": {"nfft": 1024, "nb_channels": 2, "hidden_size": 16}}
        (folder / f"{name}.json").write_text(json.dumps(settings))
        model = network(nb_bins=513, nb_channels=2, hidden_size=16, max_bin=100)  # type: ignore[operator]
        torch.save(model.state_dict(), folder / f"{name}-0123.pth")


def test_openunmix_with_random_weights(tmp_path: Path) -> None:
    pytest.importorskip("torchaudio")
    parts = pytest.importorskip("openunmix.model")
    write_openunmix(tmp_path / "umx", parts.OpenUnmix)
    model = load_openunmix(tmp_path / "umx", device=CPU)
    assert (model.sources, model.sample_rate) == (("bass", "vocals"), 44100)
    assert model.separate(torch.randn(2, 44100)).shape == (2, 2, 44100)


def test_openunmix_folders_are_read_without_running_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loader against stand-ins with the package's own signatures."""

    class OpenUnmix(nn.Module):
        def __init__(self, *, nb_bins: int, nb_channels: int, hidden_size: int, max_bin: int) -> None:
            super().__init__()
            self.input_mean = nn.Parameter(torch.zeros(max_bin))
            self.fc1 = nn.Linear(max_bin * nb_channels, hidden_size)
            self.fc3 = nn.Linear(hidden_size, nb_bins * nb_channels)

    class Separator(nn.Module):
        def __init__(
            self, *, target_models: dict[str, nn.Module], niter: int, sample_rate: float, n_fft: int, n_hop: int,
            nb_channels: int,
        ) -> None:  # fmt: skip
            super().__init__()
            self.target_models = nn.ModuleDict(target_models)
            self.register_buffer("sample_rate", torch.as_tensor(sample_rate))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, None].expand(-1, len(self.target_models), -1, -1)

    for name in ("torchaudio", "openunmix", "openunmix.model", "openunmix.utils"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["openunmix"].model = sys.modules["openunmix.model"]  # type: ignore[attr-defined]
    sys.modules["openunmix.model"].OpenUnmix = OpenUnmix  # type: ignore[attr-defined]
    sys.modules["openunmix.model"].Separator = Separator  # type: ignore[attr-defined]
    sys.modules["openunmix.utils"].load_separator = None  # type: ignore[attr-defined]
    write_openunmix(tmp_path / "umx", OpenUnmix)
    model = load_openunmix(tmp_path / "umx", device=CPU)
    assert (model.sources, model.sample_rate, model.scaling) == (("bass", "vocals"), 44100, "none")
    assert model.separate(torch.zeros(2, 9)).shape == (2, 2, 9)
    state = torch.load(tmp_path / "umx/bass-0123.pth", weights_only=True)
    torch.save({k: v for k, v in state.items() if k != "fc3.bias"}, tmp_path / "umx/bass-0123.pth")
    with pytest.raises(ModelFileError, match=r"lacks weights \(fc3.bias\)"):
        load_openunmix(tmp_path / "umx", device=CPU)
    (tmp_path / "umx/bass-0123.pth").write_bytes(pickle.dumps({"input_mean": Path("x")}))
    with pytest.raises(ModelFileError, match="cannot be opened as weights alone"):
        load_openunmix(tmp_path / "umx", device=CPU)
    (tmp_path / "umx/separator.json").unlink()
    with pytest.raises(ModelFileError, match="no weights of Open-Unmix"):
        load_openunmix(tmp_path / "umx", device=CPU)
