import pytest

from peer.report.reading import read_recorded
from peer.report.series import read_series
from tests.unit.report.folders import write_folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="session")
def run(folder):
    return read_recorded(folder)


@pytest.fixture(scope="session")
def series(run):
    return read_series(run)
