"""The manifest of a peer's folder: what is in it, and a digest of each file."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from peer.data.local import Preparation
from topology.errors import InputError
from topology.yamlfile import validate

__all__ = ["MANIFEST", "Manifest", "digest_of", "read_manifest", "verified", "write_manifest"]

MANIFEST = "manifest.json"
FORMAT: Literal["difpeer-data"] = "difpeer-data"
VERSION: Literal[1] = 1

_MEND = "copy the folder again from where it was made, or make it again: `difpeer data --help`"


class Manifest(BaseModel):
    """What a peer's folder says about itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["difpeer-data"] = FORMAT
    version: Literal[1] = VERSION
    task_ids: tuple[str, ...]
    """Tasks, in the order of their rows."""
    features: tuple[str, ...]
    """Names of the columns of X."""
    files: dict[str, str]
    """SHA-256 of each file's bytes, in hexadecimal."""
    preparation: Preparation | None = None
    """How the features were made from a table."""
    digest: str = ""
    """SHA-256 of the other fields, as canonical JSON."""


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, with its own digest, into a folder that is being made.

    Parameters
    ----------
    folder : Path
        An existing folder.
    manifest : Manifest
        Complete but for its digest.
    """
    data = manifest.model_dump(mode="json", exclude={"digest"})
    text = json.dumps({**data, "digest": _own_digest(data)}, indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of a peer's folder.

    Parameters
    ----------
    folder : Path
        ``DIR/<peer>``.

    Returns
    -------
    Manifest
        Unchanged since it was written.

    Raises
    ------
    InputError
        If there is none, if it was changed or cut short, or if another version wrote it.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise InputError("no such folder", file=folder, mend="give a folder written by `difpeer data`")
    if not path.exists():
        raise InputError("this file is missing: not one peer's data", file=path, mend=_missing_mend(folder))
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=path, mend="make it readable") from None
    except (ValueError, RecursionError):
        raise InputError("is not JSON: damaged or cut short", file=path, mend=_MEND) from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(f"is not {FORMAT!r}: another program's file", file=path, field="format", mend=_MEND)
    if data.get("version") != VERSION:
        raise InputError(
            f"found {data.get('version')!r}, this difpeer reads {VERSION}",
            file=path,
            field="version",
            mend="read it with the difpeer that wrote it, or make the data again",
        )
    manifest = validate(Manifest, data, path)
    if _own_digest({key: value for key, value in data.items() if key != "digest"}) != manifest.digest:
        raise InputError(
            "the manifest was changed after it was written", file=path, field="digest", mend=_MEND
        )
    return manifest


def verified(folder: Path, manifest: Manifest, name: str) -> Path:
    """Check a file against the manifest.

    Parameters
    ----------
    folder : Path
        ``DIR/<peer>``.
    manifest : Manifest
        Its manifest.
    name : str
        A file in it.

    Returns
    -------
    Path
        The file, whose bytes are those that were written.

    Raises
    ------
    InputError
        If the file is missing, foreign or damaged.
    """
    path = folder / name
    if name not in manifest.files:
        raise InputError("the manifest does not know this file", file=path, field=f"files.{name}", mend=_MEND)
    try:
        found = digest_of(path)
    except FileNotFoundError:
        raise InputError("this file is missing", file=path, field=f"files.{name}", mend=_MEND) from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=path, mend="make it readable") from None
    if found != manifest.files[name]:
        raise InputError(
            "SHA-256 differs from the manifest's: damaged, cut short or changed",
            file=path,
            field=f"files.{name}",
            mend=_MEND,
        )
    return path


def _own_digest(data: dict[str, Any]) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _missing_mend(folder: Path) -> str:
    peers = sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}"))
    if peers:
        return f"give the folder of one peer, such as {folder / peers[0]}"
    return "give a folder written by `difpeer data`"
