"""Shared by tests with containers."""

import pytest

from tests.support.containers import build_images


@pytest.fixture(scope="session")
def images():
    """The images of this checkout, built once."""
    build_images()
