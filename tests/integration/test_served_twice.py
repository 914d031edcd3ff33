"""One peer, two processes: the second is refused, and the first one's log says so."""

import re
import shutil

from tests.support.network import PROCESSES, difpeer, eventually, free_address, lab
from tests.support.problems import local_data, make_tasks, network_of

pytestmark = PROCESSES

PAIR = network_of([("p0", "p1")])
TOLD = r"closed the stream of \S+: a second process was started as p0; it is refused while this one serves"


async def test_a_second_process_is_refused_and_the_first_says_so(tmp_path):
    async with lab(PAIR, local_data(make_tasks(PAIR.names, (2, 2), 8)), tmp_path / "lab") as network:
        await eventually(lambda: "link to p1 is up" in network.log("p0"), "the peers are linked")
        words = ("--name", "p0", "--network", network.network_file, "--data", network.folder / "data" / "p0")
        state = network.folder / "state" / "p0"
        copy = tmp_path / "copy"
        shutil.copytree(state, copy)
        cases = (
            ("the same folder", state, (), "the state folder is in use by process"),
            ("a copy of it", copy, (), "p0 is served at"),
            ("a copy, at another address", copy, ("--listen", free_address()), "p0 is served at"),
        )
        for number, (case, folder, listen, said) in enumerate(cases, 1):
            done = await difpeer("serve", *words, "--state", folder, *listen, "--insecure-loopback")
            assert (done.status, done.out) == (2, ""), (case, done.err)
            assert said in done.error, case
            await eventually(
                lambda n=number: len(re.findall(TOLD, network.log("p0"))) == n, f"p0's log: {case}"
            )
            assert network.log("p0").count("a second process") == number, "once for each attempt"
        assert "link to p1 is down" not in network.log("p0")
        assert "seen before" not in network.log("p1")
        assert network.processes["p0"].returncode is None
