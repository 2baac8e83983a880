"""The direction of imports, the size of files, and what may not be in the environment."""

import ast
import importlib.util
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "contramuse"
ORDER = [
    "errors", "files", "rows", "gather", "audio", "augment", "catalogue", "sampling", "views", "encoders", "targets",
    "similarity", "objective", "queue", "strategy", "recipe", "checkpoint", "embeddings", "search", "export", "probes",
    "train", "web", "cli",
]  # fmt: skip
ROOTS = ("__init__", "__main__")
FILES = sorted(SOURCE.rglob("*.py"))


def module_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Own modules that a file imports, also inside functions; those for type checkers alone do not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("contramuse"):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("contramuse")]
        else:
            continue
        found |= {name.split(".")[1] for name in names if len(name.split(".")) > 1}
    return found & set(ORDER)


def test_every_module_has_a_place_in_the_order():
    assert {module_of(path) for path in FILES} <= {*ORDER, *ROOTS}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_module_imports_only_what_stands_before_it(path):
    own = module_of(path)
    if own in ROOTS:
        return
    later = {name for name in imported(path) if ORDER.index(name) > ORDER.index(own)}
    assert not later, f"{path.name} imports {later}, which stand after {own}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_file_is_short_enough_to_read(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_search_probes_and_export_never_train():
    for path in FILES:
        if module_of(path) in {"search", "probes", "export"}:
            assert "train" not in imported(path)


@pytest.mark.parametrize("name", ["torchvision", "torchaudio"])
def test_libraries_that_break_others_are_not_installed(name):
    """A CUDA torchvision beside a CPU torch makes `import lightning` fail while `pip check` stays green."""
    assert importlib.util.find_spec(name) is None
