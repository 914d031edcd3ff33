"""One network of processes for each graph, alive over many cases; what failures and campaigns print."""

import pytest
import pytest_asyncio

from tests.chaos.arena import Arena
from tests.chaos.cases import GRAPHS


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def arena(request, tmp_path_factory):
    made = Arena(GRAPHS[request.param], tmp_path_factory.mktemp(request.param))
    yield made
    await made.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows how to run it again, and the end of every peer's log."""
    report = yield
    if report.failed:
        arena = getattr(item, "funcargs", {}).get("arena")
        report.sections.append(("again", f".venv/bin/pytest '{item.nodeid}'"))
        if arena is not None and arena.lab is not None:
            logs = "\n".join(f"--- {name}\n{arena.lab.log_tail(name)}" for name in arena.network.names)
            report.sections.append(("peers", logs))
    return report


def pytest_terminal_summary(terminalreporter):
    """Count the cases of campaigns; nothing is said where none was run."""
    passed, every = _outcomes(terminalreporter, "campaign_failpoints")
    if every:
        at_once = sum(dict(report.user_properties)["at_once"] for report in passed)
        terminalreporter.write_line(
            f"chaos: {len(passed)} of {every} cases with the digests of the undisturbed run "
            f"(all victims down at once in {at_once})"
        )
    passed, every = _outcomes(terminalreporter, "campaign_kills")
    if every:
        terminalreporter.write_line(
            f"chaos: {len(passed)} of {every} runs with random kills or restarts, with the same digests"
        )


def _outcomes(terminalreporter, campaign):
    """Reports of the tests of one file that have passed, and how many have run."""
    reports = {
        key: [report for report in terminalreporter.stats.get(key, []) if campaign in report.nodeid]
        for key in ("passed", "failed", "error")
    }
    wrong = {report.nodeid for report in (*reports["failed"], *reports["error"])}
    passed = [report for report in reports["passed"] if report.nodeid not in wrong]
    return passed, len(passed) + len(wrong)
