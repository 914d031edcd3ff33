"""The commands of the documents run as they stand there, and print what is shown."""

from pathlib import Path

import pytest

from tests.support.documents import Session, commands_of

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["README.md", "docs/tutorial.md", "docs/compare.md"])
def test_a_document_is_true(name, tmp_path):
    commands = list(commands_of(ROOT / name))
    assert commands
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    with Session(tmp_path) as session:
        for command in commands:
            session.do(command)
