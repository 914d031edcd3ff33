"""Twelve of the 144 cases; all of them are in campaign_failpoints.py."""

import pytest

from tests.chaos.cases import sample
from tests.chaos.failing import survive

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.parametrize(
    ("arena", "case"),
    [pytest.param(case.graph, case, id=case.id) for case in sample()],
    indirect=["arena"],
)
async def test_case(arena, case):
    await survive(arena, case)
