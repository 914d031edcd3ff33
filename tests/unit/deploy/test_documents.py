"""YAML for other programs."""

import pytest
import yaml

from peer.deploy.documents import yaml_documents


def test_values_come_back():
    shared = {"a": 1}
    documents = [
        {"pem": "line\nline\n", "yes": "yes", "mode": "0400", "one": shared, "two": shared},
        {"x": None},
    ]
    text = yaml_documents(documents)
    assert list(yaml.safe_load_all(text)) == documents
    assert "&" not in text, "an anchor is one thing more to trip over"
    assert "pem: |\n" in text


# What readers of YAML 1.1 (kubectl, Compose) or 1.2 take for a truth value, a number, a date or nothing.
AMBIGUOUS = [
    *("y", "Y", "n", "N", "yes", "No", "on", "OFF", "true", "False", "null", "~", "=", "<<"),
    *(
        "1",
        "-1",
        "+1",
        "0o17",
        "017",
        "0x1f",
        "0b1",
        "1_000",
        "12e03",
        "1e3",
        "1E-3",
        "1.",
        ".5",
        "1e+3",
        "+1e3",
    ),
    *(".inf", "-.Inf", ".nan", "1:30", "12:30:45", "2026-01-01", "2026-01-01T00:00:00Z"),
]


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_text_that_a_reader_could_take_for_something_else_is_quoted(text):
    written = yaml_documents([{text: text, "list": [text]}])
    assert written == f"---\n'{text}': '{text}'\nlist:\n- '{text}'\n"


@pytest.mark.parametrize(
    "text", ["p0", "/run/difpeer", "./network", "ALL", "service:link.p1", "yesterday", "a b"]
)
def test_text_that_is_plainly_text_stays_as_it_is(text):
    assert yaml_documents([{"x": text}]) == f"---\nx: {text}\n"
