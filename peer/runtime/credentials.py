"""What a process shows to others and whom it believes, as the files say now."""

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from peer.identity.certificates import Certificate
from peer.identity.ring import Identity, Ring, certificate_file, is_here, key_file, read_identity, read_ring
from topology.address import parse_address
from topology.errors import InputError
from topology.network import Network, read_network

__all__ = ["Credentials", "Known", "check_loopback", "check_metrics"]

log = logging.getLogger("difpeer")

_LOOPBACK = ("127.0.0.1", "::1")
_LOCALHOST = "localhost"
_MEND = (
    "use 127.0.0.1 or ::1; between machines leave --insecure-loopback out, and make keys with "
    "`difpeer keys init --network FILE`"
)

AGAIN_S = 60.0
"""What was refused is read again after this time though no file has changed: a lack of descriptors passes by itself."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the files say at one moment: it belongs together, and is exchanged as a whole.

    Attributes
    ----------
    network : Network
        Pins and operators are taken from here, and nothing else.
    ring : Ring
        Pins and certificates.
    key : Path
        Of the private key.
    identity : Identity
        Own key and certificates; those of before where the ones of now cannot be used.
    shown : Certificate
        The own certificate that is shown at this moment.
    """

    network: Network
    ring: Ring
    key: Path
    identity: Identity
    shown: Certificate

    def of_operator(self, name: str) -> list[Certificate]:
        """Return an operator's certificates that are valid now; none where nobody of that name is one."""
        return self.ring.valid([name], datetime.now(UTC)) if name in self.network.operators else []


class Credentials:
    """An identity, and the pins and certificates of a network; read again when a file has changed.

    Parameters
    ----------
    network_file : Path
        Beside it are the certificates.
    key : Path, optional
        The private key; by default ``keys/<name>.key`` beside the network file.
    name : str, optional
        The peer that this process is; by default the one operator whose key is beside the network file.

    Attributes
    ----------
    known : Known
        What the files said last. Handshakes ask for it in a thread of gRPC's.

    Raises
    ------
    InputError
        If a file cannot be used, or the key is not the one that is pinned.
    """

    def __init__(self, network_file: Path, key: Path | None = None, name: str | None = None) -> None:
        self.network_file = network_file
        self._name = name
        self._given = key
        network = read_network(network_file)
        ring = read_ring(network_file, network)
        self.known = _now(network, ring, *self._own(network, ring))
        # Looked at once more soon: a file may have changed while they were read.
        self._stamp: tuple[object, ...] = ()
        self._told: list[str] = []
        self._kept_out: set[str] = set()
        self._again_at = math.inf

    @property
    def words(self) -> str:
        """Options that a command line needs for the same."""
        key = "" if self._given is None else f" --key {self._given}"
        return f"--network {self.network_file}{key}"

    def check(self, neighbours: Iterable[str]) -> None:
        """Refuse to serve what no neighbour could reach, or with a certificate that nobody would take.

        Raises
        ------
        InputError
            With what is missing, or wrong with this machine's clock. A neighbour's expired certificate is no
            reason: a new one may be on its way. What is wrong with the file of somebody else is told in the log, and
            which operators cannot come in.
        """
        own = self.known.identity
        own.check(datetime.now(UTC), self.network_file)
        for name in neighbours:
            self.known.ring.of(name)
        self._tell(_unusable(self.known.ring))
        self._tell_who_is_kept_out()

    def refresh(self) -> bool:
        """Read the files again where one has changed; returns whether anything is different now.

        What cannot be used is told in the log, once, and what was read of it before goes on: but nobody is believed
        by a key that the network file does not pin any more.
        """
        before = self.known
        stamp = self._stamped()
        if stamp != self._stamp or monotonic() >= self._again_at:
            self._stamp = stamp
            self._tell(self._take_over())
            self._tell_who_is_kept_out()
        shown = self.known.identity.certificate(datetime.now(UTC))
        if shown != self.known.shown:
            self.known = replace(self.known, shown=shown)
        now = self.known
        return (before.network, before.ring, before.shown) != (now.network, now.ring, now.shown)

    def _take_over(self) -> list[str]:
        """Take over what can be used, and say what cannot."""
        before = self.known
        try:
            network = read_network(self.network_file)
        except InputError as error:
            return [f"changed files of keys and pins are not taken over: {error}"]
        ring = read_ring(self.network_file, network).keeping(before.ring)
        refused = _unusable(ring)
        key, identity = before.key, before.identity
        try:
            key, identity = self._own(network, ring)
        except InputError as error:
            refused.append(f"own key and certificates are not taken over, the others' are: {error}")
        self.known = _now(network, ring, key, identity)
        return refused

    def _tell(self, refused: list[str]) -> None:
        for text in refused:
            if text not in self._told:
                log.warning("%s", text)
        if self._told and not refused:
            log.info("keys, pins and certificates are all right again")
        self._told = refused
        self._again_at = monotonic() + AGAIN_S if refused else math.inf

    def _tell_who_is_kept_out(self) -> None:
        """Operators whose certificate is missing; only a peer lets anybody in."""
        known = self.known
        missing = set() if self._name is None else _missing(known.ring, known.network.operators)
        for name in sorted(missing - self._kept_out):
            log.warning("%s", _kept_out(known.ring, name))
        self._kept_out = missing

    def _own(self, network: Network, ring: Ring) -> tuple[Path, Identity]:
        key = self._given or self._default_key(network)
        return key, read_identity(key, ring, self._name)

    def _default_key(self, network: Network) -> Path:
        if self._name is not None:
            return key_file(self.network_file, self._name)
        if not network.operators:
            raise InputError(
                "names no operator, and without one nobody may ask the peers",
                file=self.network_file,
                field="operators",
                mend=f"difpeer keys issue NAME --operator --network {self.network_file}; all peers need the new file "
                "and certs/NAME.pem",
            )
        files = [key_file(self.network_file, name) for name in network.operators]
        found = [file for file in files if is_here(file)]
        if len(found) == 1:
            return found[0]
        where = " and ".join(map(str, found)) or f"none of {', '.join(map(str, files))}"
        raise InputError(
            f"found {where}" if found else f"found {where}: this machine has no operator's key",
            field="--key",
            mend="say with --key which operator you are"
            if found
            else "give the operator's private key with --key",
        )

    def _stamped(self) -> tuple[object, ...]:
        """What would be different if a file were."""
        network = self.known.network
        names = (*network.peers, *network.operators)
        files: Iterable[Path] = (
            self.network_file,
            self.known.key,
            *(certificate_file(self.network_file, name) for name in names),
        )
        return tuple(map(_stamp, files))


def _now(network: Network, ring: Ring, key: Path, identity: Identity) -> Known:
    return Known(network, ring, key, identity, identity.certificate(datetime.now(UTC)))


def _unusable(ring: Ring) -> list[str]:
    return [f"the certificates of {name} are not taken over: {why}" for name, why in ring.problems.items()]


def _missing(ring: Ring, names: Iterable[str]) -> set[str]:
    return {name for name in names if not ring.certificates[name] and name not in ring.problems}


def _kept_out(ring: Ring, name: str) -> str:
    file = certificate_file(ring.network_file, name)
    if ring.strays[name]:
        return f"{file} is not of the pinned key: nobody can come in as {name}; correct the file or the pin"
    return (
        f"{name} is pinned, and {file} is not here: nobody can come in as {name}; fetch the file from {name}"
    )


def _stamp(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    # The time of the last change of owner or mode, too: a file that was refused for them is read again.
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def check_loopback(address: str, *, field: str, file: Path | None = None) -> None:
    """Refuse an address that plaintext must not be used with.

    Parameters
    ----------
    address : str
        ``host:port`` to listen at or to connect to.
    field : str
        What the address is, for the message.
    file : Path, optional
        Where it was read, likewise.

    Raises
    ------
    InputError
        For an address beyond this machine. A name such as ``localhost`` is beyond it: what it stands for is decided
        elsewhere.
    """
    try:
        host, port = parse_address(address)
    except InputError as error:
        raise InputError(error.problem, file=file, field=field, mend=error.mend) from None
    if host not in _LOOPBACK:
        problem = f"{address} is not an address of this machine's loopback interface"
        mend = _MEND
        if host == _LOCALHOST:
            problem = f"{address} is a name, and what it stands for is decided elsewhere"
            mend = f"write 127.0.0.1:{port}"
        raise InputError(problem, file=file, field=field, mend=mend)


def check_metrics(address: str, exposed: bool) -> tuple[str, int]:
    """Refuse to answer Prometheus where other machines reach it, unless that is asked for.

    Parameters
    ----------
    address : str
        ``host:port`` to listen at.
    exposed : bool
        Whether the user has asked for an address that others can reach.

    Returns
    -------
    host : str
        Without brackets.
    port : int
        From 1 to 65535.

    Raises
    ------
    InputError
        If it is no address, or others can reach it.
    """
    try:
        host, port = parse_address(address)
    except InputError as error:
        raise InputError(error.problem, field="--metrics", mend=error.mend) from None
    if host not in _LOOPBACK and not exposed:
        raise InputError(
            f"{address} is not an address of this machine's loopback interface: anybody could read the metrics",
            field="--metrics",
            mend="use 127.0.0.1 or ::1, or give --metrics-exposed",
        )
    return host, port
