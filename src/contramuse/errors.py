"""Every error that a user can see: what is wrong, with which value, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable


class ContramuseError(Exception):
    """A failure that is told in one message: ``name: value: problem. next step``.

    Args:
        problem: what is wrong, one clause without a full stop.
        name: the setting, file or argument that it is about.
        value: its value, shown as the user wrote it; None shows nothing.
        fix: the next step, one sentence.
    """

    exit_status = 1

    def __init__(self, problem: str, *, name: str = "", value: object = None, fix: str) -> None:
        self.problem, self.name, self.value, self.fix = problem, name, value, fix
        shown = "" if value is None else f"{str(value)!r}: "
        super().__init__(f"{name + ': ' if name else ''}{shown}{problem}. {fix}")

    def __reduce__(self) -> tuple[object, ...]:
        """Errors travel from worker processes: the keyword arguments are pickled too."""
        return _rebuild, (
            type(self),
            self.problem,
            self.name,
            None if self.value is None else str(self.value),
            self.fix,
        )


def _rebuild(kind: type[ContramuseError], problem: str, name: str, value: object, fix: str) -> ContramuseError:
    return kind(problem, name=name, value=value, fix=fix)


class UserError(ContramuseError, ValueError):
    """The user's input is wrong; the command exits with status 2."""

    exit_status = 2


class RecipeError(UserError):
    """A recipe or an override is not valid."""


class LibraryError(UserError):
    """A folder is not a library, or the library lacks what is asked of it."""


class ModelFileError(UserError):
    """A file or folder is not a model of ours, or is damaged."""


class EmbeddingsError(UserError):
    """Embeddings are damaged, mixed, or lack what is asked of them."""


class DecodeError(ContramuseError):
    """An audio file could not be decoded."""


class StorageError(ContramuseError):
    """A file could not be written: a full disk, a read-only folder."""


class TrainingError(ContramuseError):
    """Training stopped: a loss that is not finite, data that ran out."""


class MissingDependencyError(UserError):
    """An optional library is needed and not installed."""


def demand(checks: Iterable[tuple[str, object, bool, str]]) -> None:
    """Refuse the first setting that is not possible.

    Args:
        checks: of each setting its name, its value, whether that is possible, and the next step if it is not.

    Raises:
        UserError: one is not.
    """
    for name, value, possible, fix in checks:
        if not possible:
            raise UserError("is not possible", name=name, value=value, fix=fix)
