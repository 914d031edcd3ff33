import math
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from topology.errors import InputError
from topology.yamlfile import dump_yaml, load_yaml, validate


@pytest.fixture
def load(tmp_path):
    def write_and_load(text):
        path = tmp_path / "a.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_yaml(path)

    return write_and_load


@pytest.mark.parametrize("text", ["1e-6", "1E-6", "1.0e-6", "+1e-6", "1.e-6", "0.000001"])
def test_numbers_with_exponents_are_numbers(load, text):
    assert load(f"a: {text}") == {"a": 1e-6}


@pytest.mark.parametrize("text", ["e5", "1e", "sha256:1e5", "p1e5", "1e5x"])
def test_text_that_resembles_a_number_stays_text(load, text):
    assert load(f"a: {text}") == {"a": text}


def test_a_duplicate_key_is_named_with_its_lines(load):
    with pytest.raises(InputError, match=r"a\.yaml: rank: duplicate key \(lines 2 and 4\); keep one"):
        load('step: {rank: 1}\nrank: 2\nseed: 0\n"rank": 2\n')


def test_a_duplicate_key_deep_inside_is_found(load):
    with pytest.raises(InputError, match=r"p0: duplicate key \(lines 2 and 3\)"):
        load("peers:\n  p0: {}\n  p0: {}\n")


def test_the_same_key_in_two_mappings_is_no_duplicate(load):
    assert load("a: {x: 1}\nb: {x: 2}") == {"a": {"x": 1}, "b": {"x": 2}}


def test_aliases_are_refused(load):
    # Nine lines of nine aliases each would be 387 million entries.
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
    )
    with pytest.raises(InputError, match=r"used again by an alias; write the value out"):
        load(bomb)


def test_aliases_that_are_merged_are_refused_before_they_multiply(load):
    # Merging copies entries before any of them is made: seven lines of ten would be ten million, thirty never end.
    bomb = "a0: &a0 {x: 1}\n" + "".join(
        f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 30)
    )
    with pytest.raises(InputError, match=r"used again by an alias; write the value out"):
        load(bomb)


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "a: &a {<<: *a}", "a: &a !!str {=: *a}"])
def test_a_value_inside_itself_is_refused(load, text):
    with pytest.raises(InputError):
        load(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("- a\n- b\n", "holds a list"),
        ("word", "holds text"),
        ("a: [1", "not valid YAML"),
        ("a: 1\nb: 2: 3\n", "line 2: not valid YAML"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        ("a: !!python/object/apply:os.system [ls]\n", "not valid YAML"),
        ("a: 2024-99-99\n", "not valid YAML"),
        ("a: 1\nb: !!int ''\n", "line 2: not valid YAML ('' is no int)"),
        ("a: !!float ''\n", "not valid YAML ('' is no float)"),
        ("a: !!bool x\n", "not valid YAML ('x' is no bool)"),
        ("a: !!timestamp soon\n", "not valid YAML ('soon' is no timestamp)"),
        ("a: !!int {=: ''}\n", "not valid YAML (no single value)"),
        ("a: 1\nb: !!set [[a, b]]\n", "line 2: not valid YAML (a mapping is expected)"),
        ("a: !!map x\n", "not valid YAML (a mapping is expected)"),
        ("a: " + "9:" * 190 + "1.5\n", "is no float)"),
        ("a: 0x" + "f" * 5_000 + "\n", "a number of 5002 characters"),
        ("a: " + "1:" * 3_000 + "1\n", "a number of 6001 characters"),
        ("[a]: 1\n", "a key must be text"),
        ("{}: 1\n", "a key must be text"),
        (b"a: \xff\n", "not UTF-8"),
        ("a: \x00\n", "not valid YAML"),
        ("a: " + "[" * 100_000, "nested more than 50 deep"),
        ("- " * 100_000, "nested more than 50 deep"),
    ],
)
def test_what_is_no_mapping_is_refused(load, text, reason):
    with pytest.raises(InputError) as caught:
        load(text)
    assert reason in str(caught.value)
    assert caught.value.file.endswith("a.yaml")
    assert caught.value.mend


def test_a_missing_file_and_a_folder_are_input_errors(tmp_path):
    with pytest.raises(InputError, match="no such file; check the path"):
        load_yaml(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        load_yaml(tmp_path)


def test_a_folder_that_does_not_exist_cannot_be_written_to(tmp_path):
    with pytest.raises(InputError, match=r"none.a\.yaml: cannot be written .* existing folder"):
        dump_yaml({"a": 1}, tmp_path / "none" / "a.yaml")


@settings(deadline=None)
@given(text=st.text(max_size=60) | st.binary(max_size=60))
def test_any_file_is_a_mapping_or_an_input_error(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "a.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        result = load_yaml(path)
    except InputError as caught:
        result = caught
    assert isinstance(result, dict) or result.file == str(path)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(["1e5", "on", "null", "2024-01-01", "12:30", "<<", "=", "~", "0o7"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(data=st.dictionaries(st.text(max_size=9), plain, max_size=4))
def test_what_is_written_is_read_back(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("trip") / "a.yaml"
    dump_yaml(data, path)
    assert load_yaml(path) == data


class Step(BaseModel):
    model_config = ConfigDict(extra="forbid")
    c_eta: float = Field(0.4, gt=0, allow_inf_nan=False)


class Spec(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rank: int = Field(ge=1)
    method: Literal["plain", "chebyshev"] = "plain"
    step: Step = Step()
    maybe: Step | None = None
    steps: dict[str, Step] = {}
    row: tuple[Step, ...] = ()
    named: dict[str, Annotated[Step, Field(description="a step")]] = {}
    note: str = Field("", max_length=9)
    live: bool = False


def test_good_data_becomes_a_model():
    data = {"rank": 3, "step": {"c_eta": 1}, "row": [{"c_eta": 0.1}]}
    assert validate(Spec, data) == Spec(rank=3, step=Step(c_eta=1.0), row=(Step(c_eta=0.1),))


@settings(deadline=None)
@given(st.floats(min_value=5e-324, allow_infinity=False))
def test_numbers_keep_their_bits(number):
    found = validate(Step, {"c_eta": number}).c_eta
    assert math.copysign(found, 1) == number


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "rank: this key is missing; add it"),
        ({"rank": "4"}, "rank: found '4'; give a whole number"),
        ({"rank": 4.5}, "rank: found 4.5; give a whole number"),
        ({"rank": True}, "rank: found True; give a whole number"),
        ({"rank": None}, "rank: found None; give a whole number"),
        ({"rank": [1]}, "rank: found a list; give a whole number"),
        ({"rank": 0}, "rank: found 0; give a number ≥ 1"),
        ({"rank": 1, "step": {"c_eta": 0}}, "step.c_eta: found 0; give a number > 0"),
        ({"rank": 1, "step": {"c_eta": "x"}}, "step.c_eta: found 'x'; give a number"),
        ({"rank": 1, "step": {"c_eta": math.nan}}, "step.c_eta: found nan; give a finite number"),
        ({"rank": 1, "step": 3}, "step: found 3; give a mapping of key: value"),
        ({"rank": 1, "steps": [1]}, "steps: found a list; give a mapping of key: value"),
        ({"rank": 1, "row": {}}, "row: found a mapping; give a list"),
        ({"rank": 1, "row": [{}, {"c_eta": -1}]}, "row[1].c_eta: found -1; give a number > 0"),
        ({"rank": 1, "note": 7}, 'note: found 7; give text (in quotes, if it looks like a number: "1")'),
        (
            {"rank": 1, "note": "much too long"},
            "note: found 'much too long'; string should have at most 9 characters",
        ),
        ({"rank": 1, "live": "yes"}, "live: found 'yes'; give true or false"),
        ({"rank": 1, "method": "plane"}, "method: found 'plane'; did you mean 'plain'?"),
        ({"rank": 1, "method": 3}, "method: found 3; use one of: chebyshev, plain"),
        ({"rnk": 1}, "rnk: unknown key; did you mean 'rank'?"),
        ({"rank": 1, "step": {"eta": 1}}, "step.eta: unknown key; did you mean 'c_eta'?"),
        ({"rank": 1, "maybe": {"eta": 1}}, "maybe.eta: unknown key; did you mean 'c_eta'?"),
        ({"rank": 1, "steps": {"a": {"zz": 1}}}, "steps.a.zz: unknown key; use one of: c_eta"),
        ({"rank": 1, "row": [{"zz": 1}]}, "row[0].zz: unknown key; use one of: c_eta"),
        ({"rank": 1, "named": {"a": {"zz": 1}}}, "named.a.zz: unknown key; use one of: c_eta"),
        ({"rank": 1, True: 1}, 'the key True is true or false, not text; put it in quotes: "True"'),
        ({"rank": 1, None: 1}, 'the key None is nothing, not text; put it in quotes: "None"'),
        ({"rank": 1, "steps": {1: {}}}, 'steps: the key 1 is a number, not text; put it in quotes: "1"'),
        ({"rank": 1, "row": [{"zz": {1}}]}, "row[0].zz: found a value of type set; put text in quotes"),
    ],
)
def test_each_error_names_file_field_and_mend(data, message):
    with pytest.raises(InputError) as caught:
        validate(Spec, data, "spec.yaml")
    assert str(caught.value) == f"spec.yaml: {message}"


@pytest.mark.parametrize("depth", [60, 300, 900])
def test_deep_nesting_is_named_and_not_repeated(depth):
    deep: object = 1
    for _ in range(depth):
        deep = [deep]
    with pytest.raises(
        InputError, match=r"^spec.yaml: values are nested more than 50 deep; write fewer levels$"
    ):
        validate(Spec, {"rank": 1, "note": deep}, "spec.yaml")


def test_a_long_value_is_shown_in_part():
    with pytest.raises(InputError) as caught:
        validate(Spec, {"rank": "x" * 10_000})
    assert len(str(caught.value)) < 200


def test_a_date_is_not_taken_for_text(load):
    with pytest.raises(InputError, match="note: found a date; put text in quotes"):
        validate(Spec, load("rank: 1\nnote: 2024-01-01\n"))
