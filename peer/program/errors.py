"""The error of a program that breaks the contract."""

from peer.config import RunFailed

__all__ = ["ContractError"]


class ContractError(RunFailed):
    """The program, not its data or the network, is at fault; the message names the rule or the round."""
