import json

import numpy as np
from threadpoolctl import threadpool_info

from peer.runtime import profile as module
from peer.runtime.profile import blas_kernel, profile


def test_the_kernel_and_threads_are_those_in_use():
    # threadpoolctl finds them its own way: through the dynamic linker's list.
    loaded = [info for info in threadpool_info() if info["internal_api"] == "openblas"]
    kernel, threads = blas_kernel()
    assert [(info["version"], info["architecture"]) for info in loaded]
    assert any(info["architecture"] in kernel and info["version"] in kernel for info in loaded)
    assert threads == 1


def test_the_profile_is_canonical_and_stable():
    text = profile()
    assert text == profile()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert json.loads(text)["numpy"] == np.__version__


def test_where_the_library_cannot_be_asked_numpys_build_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_MAPS", tmp_path / "missing")
    kernel, threads = blas_kernel()
    assert kernel.startswith(np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"])
    assert threads is None
    assert json.loads(profile())["blas_threads"] is None


def test_a_library_without_the_functions_is_passed_over(monkeypatch, tmp_path):
    other = next(line.split()[-1] for line in module._MAPS.read_text().splitlines() if "/libc.so" in line)
    maps = tmp_path / "maps"
    link = tmp_path / "libopenblas.so"
    link.symlink_to(other)
    maps.write_text(f"7f00 r-xp 0 00:00 0 {link}\n")
    monkeypatch.setattr(module, "_MAPS", maps)
    assert blas_kernel()[1] is None
