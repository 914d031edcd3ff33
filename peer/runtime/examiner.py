"""The machine's questions about specs and data, with one more answer: what a message may hold."""

from collections.abc import Mapping

from peer.program import ContractError
from peer.protocol.facts import PeerFact
from peer.protocol.launch import FactExaminer, facts_of
from peer.protocol.messages import Offer
from peer.registry import algorithm, spec_from_canonical
from peer.runtime.access import Access
from peer.runtime.settings import MAX_MESSAGE_BYTES
from topology.network import Network

__all__ = ["BoundedExaminer"]


class BoundedExaminer(FactExaminer):
    """Refuses runs that no operator has submitted, and a spec whose messages would be longer than gRPC may carry.

    Every such message would end its stream, and the same message would be sent again for ever.

    Parameters
    ----------
    network : Network
        The network file.
    fact : PeerFact
        What this peer brings to every run.
    access : Access
        Knows operators' signatures.
    """

    def __init__(self, network: Network, fact: PeerFact, access: Access) -> None:
        super().__init__(network, fact)
        self._access = access

    def unsigned(self, offer: Offer) -> str | None:
        """Why no operator stands behind a run; None where one does, and where there are no keys."""
        return self._access.unsigned(offer)

    def verdict(self, spec: bytes, table: Mapping[str, bytes]) -> str | None:
        """Whether the peers fit together, and the messages through the streams; the same text at every peer."""
        unfit = super().verdict(spec, table)
        if unfit is not None:
            return unfit
        parsed = spec_from_canonical(spec)
        try:
            schedule = algorithm(parsed.algorithm).predicted(parsed, self._network, facts_of(table))
        except ContractError as error:  # code of another package: the run is refused, the peer lives on
            return str(error)
        if not schedule:
            return None  # the driver refuses such a message when the program wants to send it
        label, longest = max(((label, size) for label, _, size in schedule), key=lambda entry: entry[1])
        if longest <= MAX_MESSAGE_BYTES:
            return None
        return (
            f"rank: a message of {label} has {longest} bytes, a stream carries {MAX_MESSAGE_BYTES}; "
            "use a lower rank or fewer features"
        )
