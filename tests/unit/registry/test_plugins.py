"""Algorithms of other packages: found when they are named, never in place of difpeer's own."""

import subprocess
import sys

import pytest

from peer.algorithms.shipped import SHIPPED
from peer.registry import algorithm, parse_spec, plugins, source_of
from tests.support.network import ROOT
from tests.support.packages import install_package
from topology.errors import InputError

LAWFUL = """
from pydantic import Field
from peer.config import RunSpec
from peer.program import Algorithm

class ExampleSpec(RunSpec):
    rounds: int = Field(ge=1)

def program(problem, spec, neighbours, streams, state):
    yield

LAWFUL = Algorithm(program, ExampleSpec, lambda spec, network: spec.rounds)
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install packages for one test; each has a module name of its own, since modules stay loaded."""
    monkeypatch.setattr(plugins, "_loaded", {})
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(package, entry_points, module=LAWFUL, version="1.0"):
        install_package(tmp_path, package, version, entry_points, module)
        monkeypatch.delitem(sys.modules, package.replace("-", "_"), raising=False)

    return installed


def test_an_installed_algorithm_is_found_with_its_source_and_its_fields(install):
    install("first-example", {"first": "first_example:LAWFUL"})
    found = algorithm("first")
    assert found.program.__name__ == "program"
    assert source_of("first") == "first-example 1.0"
    spec = parse_spec({"algorithm": "first", "rounds": 3})
    assert (spec.algorithm, spec.rounds) == ("first", 3)
    assert found.predicted(spec, None, None) is None
    with pytest.raises(InputError, match=r"run\.yaml: rounds: "):
        parse_spec({"algorithm": "first", "rounds": 0}, "run.yaml")


def test_difpeers_own_algorithms_have_no_source_and_are_never_replaced(install):
    install("thief", {"dif-altgdmin": "thief:LAWFUL"})
    assert algorithm("dif-altgdmin") is SHIPPED["dif-altgdmin"]
    assert source_of("dif-altgdmin") == ""


def test_unknown_names_are_refused_with_those_that_there_are(install):
    install("second-example", {"second": "second_example:LAWFUL", "Bad Name": "second_example:LAWFUL"})
    with pytest.raises(
        InputError, match=r"^algorithm: there is no algorithm 'secnd'; did you mean 'second'\?"
    ):
        algorithm("secnd")
    message = r"use one of: .*second.* \(or install the package that brings it\)"
    with pytest.raises(InputError, match=message):
        algorithm("Bad Name")
    assert "Bad Name" not in plugins.plugin_names()


def test_two_packages_of_one_name_are_both_refused(install):
    install("one-of-two", {"both": "one_of_two:LAWFUL"})
    install("two-of-two", {"both": "two_of_two:LAWFUL"}, version="2.1")
    message = "one-of-two 1.0 and two-of-two 2.1 both bring an algorithm 'both'; uninstall all but one"
    with pytest.raises(InputError, match=message):
        algorithm("both")


@pytest.mark.parametrize("metadata", [None, "Metadata-Version: 2.1\nName: halved\n"])
def test_half_a_package_is_refused_with_the_place_where_it_lies(install, tmp_path, metadata):
    install("halved", {"halved": "halved:LAWFUL"})
    info = tmp_path / "halved-1.0.dist-info"
    (info / "METADATA").unlink() if metadata is None else (info / "METADATA").write_text(metadata)
    with pytest.raises(InputError) as caught:
        algorithm("halved")
    assert str(caught.value).startswith(f"algorithm: 'halved' comes from {info}, which has no METADATA with ")
    install("whole", {"halved": "whole:LAWFUL"})
    with pytest.raises(InputError, match=f"{info} and whole 1.0 both bring an algorithm 'halved'"):
        algorithm("halved")


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        ("import no_such_module", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        ("", "cannot be loaded: AttributeError: "),
        ("raise SystemExit(3)", "cannot be loaded: SystemExit: 3"),
        ("def LAWFUL(): ...", "is a function, not an Algorithm of peer.program"),
        (
            LAWFUL.replace("ExampleSpec,", "dict,"),
            "has the spec_type <class 'dict'>, not a class derived from RunSpec",
        ),
    ],
)
def test_a_package_at_fault_is_named_with_the_mend_and_harms_nobody_else(install, module, problem):
    install("broken", {"broken": "broken:LAWFUL"}, module)
    with pytest.raises(InputError) as caught:
        algorithm("broken")
    assert str(caught.value).startswith(f"algorithm: 'broken' of broken 1.0 {problem}")
    assert 'mend that package (its entry point: broken = "broken:LAWFUL")' in str(caught.value)
    assert algorithm("dif-altgdmin") is SHIPPED["dif-altgdmin"]


def test_what_a_process_computes_with_keeps_its_version(install, tmp_path):
    install("upgraded", {"upgraded": "upgraded:LAWFUL"})
    before = algorithm("upgraded")
    (tmp_path / "upgraded-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: upgraded\nVersion: 2.0\n"
    )
    assert algorithm("upgraded") is before
    assert source_of("upgraded") == "upgraded 1.0"


def test_nothing_is_loaded_before_a_run_names_it(tmp_path):
    install_package(tmp_path, "heavy", "1.0", {"heavy": "heavy:LAWFUL"}, "raise RuntimeError")
    code = (
        "import sys, peer.cli.serve; from peer.registry import algorithm, plugins, spec_head;"
        "algorithm('dif-altgdmin'); assert 'heavy' in plugins.plugin_names();"
        "assert spec_head(b'{\"algorithm\":\"heavy\"}').algorithm == 'heavy';"
        "assert 'heavy' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={"PYTHONPATH": f"{ROOT}:{tmp_path}"}, timeout=120
    )
