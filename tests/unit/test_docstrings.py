"""Public names are documented, and what the docstrings say of parameters is true."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest
from numpydoc.validate import validate

import peer
import topology

# Missing docstring, no summary; unknown parameters, wrong order of them; sections in a wrong order.
CODES = {"GL08", "GL07", "SS01", "PR02", "PR03"}


def modules() -> Iterator[str]:
    for package in (peer, topology):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".pb" not in module.name and not module.name.endswith("__main__"):
                yield module.name


def public_names(module_name: str) -> Iterator[str]:
    module = importlib.import_module(module_name)
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module_name:
            continue
        if inspect.isclass(value) or inspect.isfunction(value):
            yield f"{module_name}.{name}"


@pytest.mark.parametrize("module_name", list(modules()))
def test_public_names_are_documented(module_name: str) -> None:
    wrong = []
    for name in public_names(module_name):
        wrong += [f"{name}: {code} {text}" for code, text in validate(name)["errors"] if code in CODES]
    assert not wrong, "\n".join(wrong)
