"""New folders that are there whole or not at all."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from topology.errors import InputError

__all__ = ["new_folder", "refuse_existing"]


def refuse_existing(folder: Path, field: str | None = None) -> None:
    """Refuse a place that is taken, even by an empty folder.

    Parameters
    ----------
    folder : Path
        Where something shall be written.
    field : str, optional
        The option that named it, for the message.

    Raises
    ------
    InputError
        If anything is there.
    """
    if folder.exists() or folder.is_symlink():
        raise InputError(
            "exists already", file=folder, field=field, mend="give a new folder, or remove this one"
        )


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Fill a folder beside its place, and rename it when it is complete.

    Nothing is synced to disk: what a power failure tears is found by the digests in the manifest.

    Parameters
    ----------
    folder : Path
        Where it shall be; nothing may be there yet.

    Yields
    ------
    Path
        An empty folder to write to.

    Raises
    ------
    InputError
        If the place is taken, or cannot be written to.
    """
    refuse_existing(folder)
    partial = folder.parent / f".{folder.name}.{secrets.token_hex(4)}.partial"
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.rename(folder)
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror or error})",
            file=folder,
            mend="give a new folder where you may write, with room on the disk",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
