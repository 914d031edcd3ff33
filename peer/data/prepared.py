"""Which features a peer's data have, told by a digest: names and numbers stay where they are."""

import hashlib
import json

from peer.data.local import LocalData

__all__ = ["prepared_digest"]


def prepared_digest(local: LocalData) -> str:
    """Digest the names of the features, and how they were made from a table.

    A basis has a row for each feature, and holds for features of this name, unit and scale only.

    Parameters
    ----------
    local : LocalData
        A peer's data.

    Returns
    -------
    str
        SHA-256 in hexadecimal; equal for equal preparation, whatever the tasks and rows.
    """
    how = None if local.preparation is None else local.preparation.model_dump(mode="json")
    text = json.dumps([local.features, how], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
