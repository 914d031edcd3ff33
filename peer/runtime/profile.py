"""What a peer's bits depend on besides spec and data: CPU kernels, versions, threads."""

import ctypes
import json
import platform
import re
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["blas_kernel", "profile"]

_MAPS = Path("/proc/self/maps")
_OPENBLAS = re.compile(r"/\S*openblas\S*\.so\S*")
# numpy's wheels bear OpenBLAS with a prefix and a suffix; a distribution's own has neither.
_NAMES = ("scipy_openblas_{}64_", "scipy_openblas_{}", "openblas_{}64_", "openblas_{}")


def profile() -> str:
    """Describe, as canonical JSON, what makes bits equal: peers with equal profiles compute equal bits.

    Returns
    -------
    str
        Machine, versions, the BLAS kernel in use with its threads, and numpy's own vector kernels.
    """
    kernel, threads = blas_kernel()
    described: dict[str, Any] = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "blas": kernel,
        "blas_threads": threads,
        "vectors": _vector_kernels(),
    }
    return json.dumps(described, sort_keys=True, separators=(",", ":"))


def blas_kernel() -> tuple[str, int | None]:
    """Ask the BLAS library that numpy has loaded for its kernel and its threads.

    Returns
    -------
    kernel : str
        Version and core type, as ``OpenBLAS 0.3.31 ... SkylakeX``; where it cannot be asked, the name and version
        numpy was built with.
    threads : int or None
        None where the library cannot be asked.
    """
    for path in _loaded_openblas():
        library = ctypes.CDLL(path)
        config = _function(library, "get_config", ctypes.c_char_p)
        core = _function(library, "get_corename", ctypes.c_char_p)
        threads = _function(library, "get_num_threads", ctypes.c_int)
        if config is not None and core is not None and threads is not None:
            # The configuration names the core that the library was built for or detected: the last word decides.
            return f"{config().decode().split('  ')[0]} {core().decode()}", int(threads())
    built: Any = np.show_config(mode="dicts")
    blas = built["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}", None


def _loaded_openblas() -> list[str]:
    try:
        maps = _MAPS.read_text()
    except OSError:
        return []
    return sorted(set(_OPENBLAS.findall(maps)))


def _function(
    library: ctypes.CDLL, name: str, result: type[ctypes.c_char_p] | type[ctypes.c_int]
) -> Callable[[], Any] | None:
    for pattern in _NAMES:
        function = getattr(library, pattern.format(name), None)
        if function is not None:
            function.restype = result
            function.argtypes = []
            found: Callable[[], Any] = function
            return found
    return None


def _vector_kernels() -> list[str]:
    """Instruction sets for which numpy has kernels of its own and which this CPU has."""
    try:
        # np.show_runtime reads the same names; there is no public function that returns them.
        core: Any = import_module("numpy._core._multiarray_umath")
        return [name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name)]
    except (ImportError, AttributeError):
        return []
