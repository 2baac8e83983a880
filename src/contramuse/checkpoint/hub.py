"""Models to and from a model hub, through huggingface_hub: two files and a card, never code."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contramuse.checkpoint.card import CARD, ID, card
from contramuse.checkpoint.folder import INFO, WEIGHTS, read_info
from contramuse.errors import ContramuseError, ModelFileError, UserError
from contramuse.files import replacing

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?")


class HubError(ContramuseError):
    """The hub could not be reached, or refused."""


def is_id(text: str) -> bool:
    """Whether ``text`` has the form ``user/name`` or ``user/name@revision``."""
    return _ID.fullmatch(text) is not None


def fetch(repo: str) -> Path:
    """The folder of a model on the hub, in huggingface_hub's cache; only the model's own files are downloaded.

    Args:
        repo: ``user/name`` or ``user/name@revision``.

    Raises:
        HubError: it is not reachable, or there is no such repository.
        ModelFileError: the repository holds no model of ours.
    """
    from huggingface_hub import snapshot_download

    name, _, revision = repo.partition("@")
    with _told(name, ", and no such model is in its local cache (nor is there a local folder of this name)"):
        folder = Path(snapshot_download(name, revision=revision or None, allow_patterns=[WEIGHTS, INFO, CARD]))
    if not (folder / INFO).is_file() or not (folder / WEIGHTS).is_file():
        raise ModelFileError(
            f"the repository has no {INFO} with {WEIGHTS}", name="model", value=repo,
            fix="It is another program's model: give the id of one that `contramuse push` made.",
        )  # fmt: skip
    return folder


def pull(repo: str, folder: str | Path) -> Path:
    """Copy a model from the hub to ``folder``, weights first, and return the folder.

    Raises:
        HubError: it is not reachable, or there is no such repository.
        ModelFileError: the repository holds no model of ours.
        StorageError: the folder cannot be written.
    """
    source, target = fetch(repo), Path(folder)
    for name in (WEIGHTS, INFO, CARD):
        if (source / name).is_file():
            with replacing(target / name) as temporary:
                shutil.copyfile(source / name, temporary)
    return target


def push(
    folder: str | Path, repo: str, *, visibility: str = "private", message: str = "", written: Path | None = None
) -> str:
    """Upload a model folder with a card, in one commit.

    Args:
        folder: a model folder, or a run's folder.
        repo: ``user/name``; made if absent.
        visibility: "private" or "public", for a repository that is made now.
        message: of the commit.
        written: a card (``contramuse report --card``); one of model.json alone is generated if there is none.

    Returns:
        The address of the commit.

    Raises:
        ModelFileError: the folder is not a loadable model, or the id has another form.
        UserError: the card cannot be read, or is another model's.
        HubError: the hub is not reachable, or no right to write there.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    from contramuse.checkpoint.folder import locate
    from contramuse.checkpoint.model import load

    if not is_id(repo) or "@" in repo:
        raise ModelFileError("is not a hub id", name="repository", value=repo, fix="Write it as user/name.")
    root = locate(folder)
    load(root)  # what cannot be loaded is not published
    text = card(read_info(root), repo) if written is None else _card(written, read_info(root), repo)
    files: dict[str, Any] = {WEIGHTS: root / WEIGHTS, INFO: root / INFO, CARD: text.encode()}
    operations = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=value) for name, value in files.items()]
    with _told(repo, ""):
        api = HfApi()
        api.create_repo(repo, private=visibility == "private", exist_ok=True, repo_type="model")
        done = api.create_commit(repo, operations=operations, commit_message=message or "Model of contramuse")
    return str(done.commit_url)


def _card(file: Path, info: Mapping[str, Any], repo: str) -> str:
    """A card that was written before, with the id of the repository put in.

    Raises:
        UserError: it cannot be read, or is another model's.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        fix = "Write it with `contramuse report RUN --card README.md`."
        raise UserError(f"cannot be read ({error})", name="--card", value=file, fix=fix) from error
    if info["model_hash"] not in text:
        fix = "Write it again: contramuse report RUN evaluation/ --card README.md"
        raise UserError(
            "does not name this model's hash, so it is of another model", name="--card", value=file, fix=fix
        )
    return text.replace(ID, repo)


@contextmanager
def _told(repo: str, besides: str) -> Iterator[None]:
    """Turn what the hub's client raises into one message with a next step.

    Args:
        repo: id of the repository.
        besides: what else is the case when the hub cannot be reached.
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    def refuse(problem: str, fix: str) -> HubError:
        return HubError(problem, name="hub", value=repo, fix=fix)

    offline = refuse(
        f"the hub cannot be reached{besides}", "Check the network (and HF_HUB_OFFLINE, HF_ENDPOINT), then try again."
    )
    try:
        yield
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise offline from error
    except GatedRepoError as error:
        raise refuse("is gated", "Ask for access on its page, then log in with `hf auth login`.") from error
    except RevisionNotFoundError as error:
        raise refuse("has no such revision", "Leave out @revision, or look up the right one.") from error
    except RepositoryNotFoundError as error:
        raise refuse(
            "is no local folder, and on the hub it does not exist or is private",
            "Check the name, or log in with `hf auth login`.",
        ) from error
    except HFValidationError as error:
        raise refuse(f"is not a hub id ({error})", "Write it as user/name.") from error
    except HfHubHTTPError as error:
        raise refuse(
            f"the hub refused ({error})", "Log in with `hf auth login` and check the right to write."
        ) from error
    except LocalTokenNotFoundError as error:
        raise refuse("nobody is logged in", "Log in with `hf auth login`.") from error
    except OSError as error:
        raise offline from error
    except Exception as error:  # the client's own HTTP library, which differs between its versions, raises its own
        if type(error).__module__.startswith(("httpx", "httpcore")):
            raise offline from error
        raise
