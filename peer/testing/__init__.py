"""Checks for authors of programs."""

from peer.simulate.fast import run_block
from peer.testing.check import CheckReport, check_program
from peer.testing.tasks import made_up_tasks

__all__ = ["CheckReport", "check_program", "made_up_tasks", "run_block"]
