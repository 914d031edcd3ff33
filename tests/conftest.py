"""Shared by all tests: BLAS is limited to one thread before numpy loads, as in every process of difpeer."""

import peer  # noqa: F401
