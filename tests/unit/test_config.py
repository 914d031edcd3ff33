"""Run specifications: defaults, refusals, and the canonical form."""

import pytest

from peer.config import DifAltgdminSpec, RunFailed, canonical_spec
from peer.registry import parse_spec, read_spec, spec_from_canonical
from topology.errors import InputError

FULL = """\
version: 1
algorithm: dif-altgdmin
rank: 4
iterations: 150
seed: 7
agreement: {rounds: 3, method: plain}
init: {method: spectral, power_iterations: 10, agreement_rounds: 15, truncation: 8}
step: {c_eta: 1e-1}
coefficients: {ridge: 0.5}
checkpoint_every: 2
on_missing: wait
tolerance: 1e-8
"""


def write(tmp_path, text):
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    return path


def test_all_fields(tmp_path):
    spec = read_spec(write(tmp_path, FULL))
    assert isinstance(spec, DifAltgdminSpec)
    assert (spec.rank, spec.iterations, spec.seed, spec.checkpoint_every) == (4, 150, 7, 2)
    assert (spec.agreement.rounds, spec.init.power_iterations, spec.init.agreement_rounds) == (3, 10, 15)
    assert (spec.init.truncation, spec.step.c_eta, spec.coefficients.ridge) == (8.0, 0.1, 0.5)
    assert spec.tolerance == 1e-8


def test_defaults():
    spec = parse_spec({"algorithm": "dif-altgdmin", "rank": 4, "iterations": 150})
    assert isinstance(spec, DifAltgdminSpec)
    assert (spec.version, spec.seed, spec.checkpoint_every, spec.on_missing) == (1, 0, 1, "wait")
    assert (spec.agreement.rounds, spec.agreement.method) == (5, "plain")
    assert (spec.init.method, spec.init.power_iterations, spec.init.agreement_rounds) == ("spectral", 20, 20)
    assert (spec.init.truncation, spec.step.c_eta, spec.coefficients.ridge) == (9.0, 0.4, 0.0)
    assert spec.tolerance is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("algorithm: dif-altgdmin\n", "", "algorithm: it is missing; use one of: dif-altgdmin"),
        ("dif-altgdmin", "dec", "algorithm: there is no algorithm 'dec'; use one of: dif-altgdmin"),
        ("dif-altgdmin", "[a]", r"algorithm: there is no algorithm \['a'\]"),
        ("version: 1", "version: 2", "version: "),
        ("rank: 4\n", "", "rank: "),
        ("rank: 4", "rank: 0", "rank: "),
        ("rank: 4", "rank: '4'", "rank: "),
        ("rank: 4", "rank: true", "rank: "),
        ("rank: 4", "rank: 4.0", "rank: "),
        ("rank: 4", "rank: 4\nrank: 5", r"rank: duplicate key \(lines 3 and 4\)"),
        ("rank: 4", "rnk: 4", "rnk: .*'rank'"),
        ("iterations: 150", "iterations: 0", "iterations: "),
        ("seed: 7", "seed: -1", "seed: "),
        ("seed: 7", "seed: 9223372036854775808", "seed: "),
        ("rounds: 3", "rounds: 0", "agreement.rounds: "),
        ("rounds: 3", "rounds: 3, round: 3", "agreement.round: .*'rounds'"),
        ("method: plain", "method: chebyshev", "agreement.method: "),
        ("{rounds: 3, method: plain}", "3", "agreement: "),
        ("power_iterations: 10", "power_iterations: 0", "init.power_iterations: "),
        ("agreement_rounds: 15", "agreement_rounds: 0", "init.agreement_rounds: "),
        ("truncation: 8", "truncation: 0", "init.truncation: "),
        ("c_eta: 1e-1", "c_eta: -1", "step.c_eta: "),
        ("c_eta: 1e-1", "c_eta: .inf", "step.c_eta: "),
        ("ridge: 0.5", "ridge: -0.5", "coefficients.ridge: "),
        ("checkpoint_every: 2", "checkpoint_every: 0", "checkpoint_every: "),
        ("on_missing: wait", "on_missing: last", "on_missing: .*not available yet; use 'wait'"),
        ("on_missing: wait", "on_missing: drop", "on_missing: "),
        ("tolerance: 1e-8", "tolerance: .nan", "tolerance: "),
        ("tolerance: 1e-8", "tolerance: 0", "tolerance: "),
    ],
)
def test_refusals_name_file_and_field(tmp_path, old, new, message):
    assert old in FULL
    path = write(tmp_path, FULL.replace(old, new, 1))
    with pytest.raises(InputError, match=rf"spec\.yaml: {message}") as caught:
        read_spec(path)
    assert caught.value.mend


def test_the_canonical_form_is_one_and_complete():
    sparse = parse_spec({"rank": 4, "iterations": 150, "algorithm": "dif-altgdmin"})
    data = canonical_spec(sparse)
    assert data.startswith(b'{"agreement":{"method":"plain","rounds":5},"algorithm":"dif-altgdmin"')
    assert b" " not in data
    explicit = parse_spec(
        {
            "algorithm": "dif-altgdmin",
            "version": 1,
            "seed": 0,
            "step": {"c_eta": 0.4},
            "iterations": 150,
            "rank": 4,
        }
    )
    assert canonical_spec(explicit) == data
    whole = parse_spec({"algorithm": "dif-altgdmin", "rank": 4, "iterations": 150, "init": {"truncation": 9}})
    assert canonical_spec(whole) == data  # 9 and 9.0 are the same number


def test_the_canonical_form_is_read_back(tmp_path):
    spec = read_spec(write(tmp_path, FULL))
    again = spec_from_canonical(canonical_spec(spec))
    assert again == spec
    assert type(again) is DifAltgdminSpec


@pytest.mark.parametrize("data", [b"\xff", b"{", b"[]", b"{}", b'{"algorithm":"dif-altgdmin"}'])
def test_bytes_of_strangers_are_refused(data):
    with pytest.raises(InputError):
        spec_from_canonical(data)


def test_specifications_cannot_change():
    spec = parse_spec({"algorithm": "dif-altgdmin", "rank": 4, "iterations": 150})
    with pytest.raises(ValueError, match="frozen"):
        spec.seed = 3


def test_every_field_is_described():
    def undescribed(model):
        for name, field in model.model_fields.items():
            if not field.description:
                yield name
            inner = field.annotation
            if isinstance(inner, type) and hasattr(inner, "model_fields"):
                yield from undescribed(inner)

    assert list(undescribed(DifAltgdminSpec)) == []


def test_a_failed_run_is_not_bad_input():
    assert not issubclass(RunFailed, InputError)


@pytest.mark.parametrize("data", [b"[" * 60_000, b"{" * 10, b"\xff", b"[]", b"1", b""], ids=repr)
def test_a_specification_that_cannot_be_read_is_bad_input(data):
    with pytest.raises(InputError):
        spec_from_canonical(data)


@pytest.mark.parametrize("field", ["rank", "iterations", "checkpoint_every"])
def test_counts_have_an_upper_bound(field):
    fields = {"algorithm": "dif-altgdmin", "rank": 2, "iterations": 2, field: 2**31}
    with pytest.raises(InputError, match=field):
        parse_spec(fields)
