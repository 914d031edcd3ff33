"""All 144 cases; for ``make chaos``, which names this file: ``pytest tests`` collects test_sample.py."""

import pytest

from tests.chaos.cases import all_cases
from tests.chaos.failing import survive

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.parametrize(
    ("arena", "case"),
    [
        pytest.param(case.graph, case, id=case.id, marks=pytest.mark.xdist_group(f"{case.graph}-{case.whom}"))
        for case in all_cases()
    ],
    indirect=["arena"],
)
async def test_case(arena, case, record_property):
    record_property("at_once", await survive(arena, case))
