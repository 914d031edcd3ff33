import sys

import numpy as np
import pytest

from peer.config import RunSpec, canonical_spec
from peer.program import Algorithm, Broadcast
from peer.protocol.errors import ProgramError
from peer.protocol.examiner import Refusal
from peer.protocol.facts import own_fact
from peer.protocol.interpreter import CheckpointCommand, FinalCommand, RoundCommand
from peer.protocol.launch import FactExaminer, facts_of, start_program
from peer.registry import plugins
from tests.support.problems import dif_spec, make_tasks, network_of

NETWORK = network_of([("p0", "p1")])
TASKS = make_tasks(NETWORK.names, [2, 2], samples=8, dim=5, rank=1)
SPEC = canonical_spec(dif_spec(rank=1, iterations=2))


def own(name: str):
    first, last = TASKS.peer_tasks[NETWORK.index(name) :][:2]
    return own_fact(TASKS.task_ptr[first : last + 1], 5, software="1.0", profile="")


def examiner(name: str) -> FactExaminer:
    return FactExaminer(NETWORK, own(name))


TABLE = {name: own(name).to_bytes() for name in NETWORK.names}


def test_the_own_fact_is_told_for_every_known_algorithm():
    assert examiner("p0").fact(SPEC) == TABLE["p0"]


def test_a_spec_that_this_version_cannot_run_is_refused():
    refusal = examiner("p0").fact(SPEC.replace(b'"dif-altgdmin"', b'"dif-altgdmax"'))
    assert isinstance(refusal, Refusal)
    assert "dif-altgdmax" in refusal.text


def test_verdict_reads_the_facts_of_the_table():
    assert examiner("p0").verdict(SPEC, TABLE) is None
    unfit = {**TABLE, "p1": TABLE["p1"].replace(b'"dim":5', b'"dim":6')}
    texts = {examiner(name).verdict(SPEC, unfit) for name in NETWORK.names}
    assert len(texts) == 1
    assert "(dim 6)" in texts.pop() or "(dim 5)" in texts


def test_a_fact_that_cannot_be_read_is_a_verdict():
    text = examiner("p0").verdict(SPEC, {**TABLE, "p1": b"?"})
    assert text.startswith("a peer told a fact that cannot be read: not a peer fact")


def test_interval_rounds_are_those_of_the_algorithm():
    assert examiner("p0").interval_rounds(SPEC) == 20  # one power iteration's agreement


def test_facts_of_a_table_are_those_of_the_whole_network():
    assert facts_of(TABLE) == TASKS.facts


def test_a_program_starts_from_nothing_or_from_a_checkpoint():
    problem = TASKS.block(("p0",))
    program = start_program(SPEC, NETWORK, "p0", problem, {})
    first = program.encode(program.advance())
    assert isinstance(first, RoundCommand)
    assert (first.label, first.expected) == ("init.threshold", {"p1"})


def results(*, restart: bool) -> dict[str, np.ndarray]:
    """Run both peers' programs in step; with ``restart``, once from the first checkpoint."""

    def start(states):
        return {n: start_program(SPEC, NETWORK, n, TASKS.block((n,)), states[n]) for n in NETWORK.names}

    programs = start({name: {} for name in NETWORK.names})
    while True:
        commands = {name: program.encode(program.advance()) for name, program in programs.items()}
        match commands["p0"]:
            case FinalCommand():
                return {name: command.result["U"] for name, command in commands.items()}
            case CheckpointCommand() if restart:
                programs = start({name: command.state for name, command in commands.items()})
                restart = False
            case RoundCommand():
                for name, program in programs.items():
                    near = sorted(commands[name].expected)
                    program.decode({n: commands[n].outgoing[name] for n in near})


def test_a_resumed_program_ends_with_the_same_bits():
    through, resumed = results(restart=False), results(restart=True)
    for name in NETWORK.names:
        np.testing.assert_array_equal(through[name], resumed[name])


class OddSpec(RunSpec):
    """Of an algorithm of another package."""


ODD = canonical_spec(OddSpec(algorithm="odd"))


@pytest.fixture
def odd(monkeypatch):
    """Bring an algorithm in a package."""

    def brought(program=None, interval_rounds=lambda spec, network: 1, spec_type=OddSpec):
        plugin = plugins.Plugin(Algorithm(program, spec_type, interval_rounds), "odd-package 1.2")
        monkeypatch.setattr(plugins, "_loaded", {"odd": plugin})

    return brought


def test_the_own_fact_names_the_package_of_the_algorithm(odd):
    odd()
    assert b'"algorithm":"odd-package 1.2"' in examiner("p0").fact(ODD)


class FailingSpec(OddSpec):
    """Whose own checks fail."""

    def __init__(self, **fields: object) -> None:
        raise KeyError("rank")

    @classmethod
    def model_validate(cls, *args: object, **options: object) -> "FailingSpec":
        raise KeyError("rank")


class LeavingSpec(OddSpec):
    """Whose own checks end the process."""

    def __init__(self, **fields: object) -> None:
        sys.exit(3)

    @classmethod
    def model_validate(cls, *args: object, **options: object) -> "LeavingSpec":
        sys.exit(3)


@pytest.mark.parametrize(
    ("brought", "text"),
    [
        ({"interval_rounds": lambda spec, network: spec.rounds}, "fails: AttributeError: "),
        (
            {"interval_rounds": lambda spec, network: 0},
            "interval_rounds of odd gives 0, not a number of rounds",
        ),
        ({"interval_rounds": lambda spec, network: 2.0}, "interval_rounds of odd gives 2.0"),
        ({"spec_type": FailingSpec}, "the spec_type or interval_rounds of its algorithm fails: KeyError"),
        ({"interval_rounds": lambda spec, network: sys.exit("bye")}, "algorithm fails: SystemExit: bye"),
        ({"spec_type": LeavingSpec}, "the spec_type or interval_rounds of its algorithm fails: SystemExit"),
    ],
)
def test_faults_of_a_package_refuse_the_run_and_no_more(odd, brought, text):
    odd(**brought)
    refusal = examiner("p0").fact(ODD)
    assert isinstance(refusal, Refusal)
    assert text in refusal.text


def ended(odd, result):
    """A program that has returned a result, short of its last segment."""

    def program(problem, spec, neighbours, streams, state):
        yield from Broadcast(np.zeros((1, 1)), "once")
        return result

    odd(program)
    started = start_program(ODD, NETWORK, "p0", TASKS.block(("p0",)), {})
    command = started.encode(started.advance())
    started.decode(command.outgoing)
    return started


@pytest.mark.parametrize(
    "result", [{}, {"U": np.zeros((5, 1))}, {"U": np.zeros((1, 5, 1), np.float32)}, None, [1.0]]
)
def test_a_result_without_a_basis_ends_the_run_by_name(odd, result):
    with pytest.raises(ProgramError, match=r"p0: .*the program's result needs 'U', float64 of shape"):
        ended(odd, result).advance()


def test_a_basis_has_a_row_for_each_feature_and_any_rank(odd):
    with pytest.raises(ProgramError, match=r"p0: .*'U' has 2 rows, and the data have 5 features"):
        ended(odd, {"U": np.zeros((1, 2, 1))}).advance()
    assert ended(odd, {"U": np.zeros((1, 5, 9))}).advance() is None
