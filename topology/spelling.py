"""How a name from elsewhere, 'Bad Homburg', is written as a peer's name: bad-homburg."""

import re
import unicodedata

from topology.entries import is_peer_name

__all__ = ["peer_name_of"]

# Letters that are written out; accents are taken off all others.
_WRITTEN_OUT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "œ": "oe", "ł": "l", "đ": "d"}
)
_OTHER = re.compile(r"[^a-z0-9]+")


def peer_name_of(text: str) -> str:
    """Write a name in the letters of peers' names: 'Bad Homburg' as bad-homburg, 'Köln' as koeln.

    Two texts may become the same name, and a text of other alphabets or of more than 32 characters becomes
    none: see :func:`topology.entries.is_peer_name`.

    Parameters
    ----------
    text : str
        The name elsewhere.

    Returns
    -------
    str
        The name as a peer's; a peer's name stays as it is, but for capitals.
    """
    lowered = unicodedata.normalize("NFC", text).lower()
    if is_peer_name(lowered):
        return lowered
    plain = unicodedata.normalize("NFKD", lowered.translate(_WRITTEN_OUT))
    without_accents = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return _OTHER.sub("-", without_accents.lower()).strip("-")
