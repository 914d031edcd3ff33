"""A peer with a failpoint it does not know does not start."""

import pytest

from peer.config import RunFailed
from tests.support.network import Lab
from tests.support.problems import local_data, make_tasks, network_of

pytestmark = pytest.mark.network


async def test_an_unknown_failpoint_is_an_error_of_input(tmp_path):
    network = network_of([("p0", "p1")])
    lab = Lab(network, local_data(make_tasks(network.names, (2, 2), 8)), tmp_path, absent=network.names)
    async with lab:
        lab.absent = ()
        with pytest.raises(RunFailed, match=r"exit status 2") as caught:
            await lab.start("p0", {"DIFPEER_FAILPOINT": "befor-rename"})
        assert "there is no failpoint 'befor-rename'; did you mean 'before-rename'?" in str(caught.value)
        # Before it has raised its incarnation.
        assert not (tmp_path / "state" / "p0").exists()
