"""What ``difpeer keys`` shows of pins, certificates and keys, and what is wrong with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from peer.cli.output import console, emit, say
from peer.identity.certificates import SOON, Certificate
from peer.identity.ring import Ring, is_here, key_file, next_key_file, read_identity, read_ring
from topology.errors import InputError
from topology.network import Network

__all__ = ["tell"]


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of one certificate, or that there is none."""

    name: str
    role: str
    pins: tuple[str, ...]
    certificate: Certificate | None
    own_key: Path | None
    problem: str
    note: str


def tell(file: Path, network: Network, names: Sequence[str], as_json: bool) -> bool:
    """Show pins, certificates and keys.

    Parameters
    ----------
    file : Path
        Of the network.
    network : Network
        What it says.
    names : sequence of str
        Of peers and operators.
    as_json : bool
        Whether as one JSON document.

    Returns
    -------
    bool
        Whether nothing is wrong with them.
    """
    ring = read_ring(file, network)
    needed = _needed(file, network)
    lines = [line for name in names for line in _lines(file, network, ring, name, name in needed)]
    works = not any(line.problem for line in lines)
    document = {"network": str(file), "works": works, "keys": [_document(line) for line in lines]}
    emit(document, as_json, lambda: _print(lines))
    return works


def _needed(file: Path, network: Network) -> set[str]:
    """Whose certificates have to be here: a peer has those of its neighbours and operators."""
    own = {name for name in (*network.names, *network.operators) if is_here(key_file(file, name))}
    if not own:
        return {*network.names, *network.operators}  # nothing says what this machine is
    peers = [name for name in network.names if name in own]
    near = {one for name in peers for one in network.neighbours(name)}
    return {*own, *near, *(network.operators if peers else ())}


def _lines(file: Path, network: Network, ring: Ring, name: str, needed: bool) -> list[Line]:
    role = "operator" if name in network.operators else "peer"
    pins = ring.pins.get(name, ())
    own = key_file(file, name)
    key = own if is_here(own) else None
    missing = _missing(ring, name)
    wrong = _wrong(ring, name, key, *([missing] if missing and needed else []))
    notes = ["a rotation is on"] if is_here(next_key_file(file, name)) else []
    if missing and missing not in wrong and name not in ring.problems:
        notes.append(missing)
    found = ring.certificates.get(name, ())
    now = datetime.now(UTC)
    usable = any(one.valid(now) for one in found)
    lines = []
    for one in found or (None,):
        age = "" if one is None else _age(one, now)
        problems = [*([age] if one and not one.valid(now) and not usable else []), *wrong]
        note = "; ".join(dict.fromkeys(filter(None, [age, *notes, *wrong])))
        lines.append(Line(name, role, pins, one, key, "; ".join(problems), note))
        wrong = []  # once is enough
    return lines


def _missing(ring: Ring, name: str) -> str:
    if not ring.pins.get(name):
        return "not pinned"
    if ring.certificates.get(name) or ring.strays.get(name):
        return ""
    return "no certificate here"


def _wrong(ring: Ring, name: str, key: Path | None, *missing: str) -> list[str]:
    """What is wrong with the files of a name, each thing once."""
    wrong = [f"{stray} is not pinned" for stray in ring.strays.get(name, ())]
    if name in ring.problems:
        wrong.append(str(ring.problems[name]))
    else:
        wrong += missing
    if key is not None:
        try:
            read_identity(key, ring, name)
        except InputError as error:
            wrong.append(str(error))
    return list(dict.fromkeys(wrong))


def _age(one: Certificate, now: datetime) -> str:
    if now > one.not_after:
        return "expired"
    if now < one.not_before:
        return "begins later: is this machine's clock right?"
    return f"{(one.not_after - now).days} days left" if one.not_after - now < SOON else ""


def _document(line: Line) -> dict[str, Any]:
    one = line.certificate
    return {
        "name": line.name,
        "role": line.role,
        "pins": list(line.pins),
        "fingerprint": None if one is None else one.fingerprint,
        "not_before": None if one is None else one.not_before.isoformat(),
        "not_after": None if one is None else one.not_after.isoformat(),
        "own_key": None if line.own_key is None else str(line.own_key),
        "problem": line.problem or None,
        "note": line.note,
    }


def _print(lines: Sequence[Line]) -> None:
    for line in lines:
        one = line.certificate
        until = "" if one is None else f", valid until {one.not_after:%Y-%m-%d %H:%M} UTC"
        here = ", private key here" if line.own_key else ""
        note = f" ({line.note})" if line.note else ""
        say(f"{line.name} ({line.role}){until}{here}{note}", console)
        for key in line.pins if one is None else (one.fingerprint,):
            say(f"  {key}", console)
