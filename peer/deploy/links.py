"""Rate and delay of links, as ``deploy compose`` is asked for them and as ``deploy/link/link.sh`` sets them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from topology.errors import InputError, name_hint
from topology.network import Network

__all__ = ["Link", "link_words", "parse_links"]

_RATE = re.compile(r"[1-9][0-9]*(?:\.[0-9]+)?(?:bit|kbit|mbit|gbit)")
_DELAY = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:us|ms|s)")


@dataclass(frozen=True, slots=True)
class Link:
    """What a link carries, in each of its two directions.

    Attributes
    ----------
    rate : str or None
        Such as ``5mbit``; None where it is not limited.
    delay : str or None
        One way, such as ``20ms``; None for none.
    """

    rate: str | None = None
    delay: str | None = None


def parse_links(
    network: Network, rate: str | None, delay: str | None, single: Sequence[str]
) -> Mapping[tuple[str, str], Link]:
    """Read what is asked of the links.

    Parameters
    ----------
    network : Network
        Of these edges.
    rate, delay : str or None
        Of every link that says nothing else.
    single : sequence of str
        Such as ``p0,p1:rate=1mbit,delay=50ms``.

    Returns
    -------
    mapping of (str, str) to Link
        By the edge's ends, the lower name first: every edge.

    Raises
    ------
    InputError
        If a rate or delay is none, or a link is not in the network.
    """
    every = Link(_checked(rate, _RATE, "--rate"), _checked(delay, _DELAY, "--delay"))
    links = {(edge.first, edge.second): every for edge in network.edges}
    for text in single:
        ends, asked = _single(text)
        try:
            edge = network.edge(*ends)
        except InputError as error:
            hint = name_hint(",".join(sorted(ends)), (f"{one},{other}" for one, other in links))
            raise InputError(error.problem, field="--link", mend=hint) from None
        links[edge.first, edge.second] = replace(links[edge.first, edge.second], **asked)
    return links


def link_words(name: str, links: Mapping[tuple[str, str], Link]) -> list[str]:
    """Return the arguments of ``link.sh`` beside one peer: NEIGHBOUR:RATE:DELAY, with - for what is not limited.

    Parameters
    ----------
    name : str
        The peer.
    links : mapping of (str, str) to Link
        Of the network.

    Returns
    -------
    list of str
        Empty where none of its links is limited.
    """
    return [
        f"{second if name == first else first}:{link.rate or '-'}:{link.delay or '-'}"
        for (first, second), link in links.items()
        if name in (first, second) and link != Link()
    ]


def _single(text: str) -> tuple[tuple[str, str], dict[str, str]]:
    mend = "write --link p0,p1:rate=1mbit,delay=50ms"
    names, colon, settings = text.partition(":")
    ends = names.split(",")
    if not colon or len(ends) != 2:
        raise InputError(f"found {text!r}", field="--link", mend=mend)
    asked: dict[str, str] = {}
    for setting in settings.split(","):
        key, _, value = setting.partition("=")
        if key not in ("rate", "delay") or key in asked:
            raise InputError(f"found {setting!r} in {text!r}", field="--link", mend=mend)
        asked[key] = _check(value, _RATE if key == "rate" else _DELAY, "--link")
    return (ends[0], ends[1]), asked


def _checked(text: str | None, form: re.Pattern[str], field: str) -> str | None:
    return None if text is None else _check(text, form, field)


def _check(text: str, form: re.Pattern[str], field: str) -> str:
    if not form.fullmatch(text):
        example = "a rate such as 500kbit or 5mbit" if form is _RATE else "a delay such as 20ms or 0.5s"
        raise InputError(f"found {text!r}", field=field, mend=f"give {example}")
    return text
