"""Checks for authors of programs."""

from peer.testing.check import CheckReport, check_program

__all__ = ["CheckReport", "check_program"]
