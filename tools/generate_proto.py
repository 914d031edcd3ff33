"""Generate ``peer/wire/pb`` from ``proto/``; with ``--check`` only say whether it is up to date.

The output depends on the version of grpcio-tools, so use the locked one:

    python tools/generate_proto.py
    python tools/generate_proto.py --check
"""

import argparse
import difflib
import importlib.metadata
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
PACKAGE = "difpeer/v1"
TARGET = ROOT / "peer" / "wire" / "pb"


def generate(proto: Path = PROTO) -> dict[str, str]:
    """Text of each generated file by its name.

    protoc writes imports as if the folder ``difpeer/v1`` were on Python's path; they are turned to where the
    files really lie.

    Raises
    ------
    RuntimeError
        If protoc refuses a file; it has said why on stderr.
    """
    sources = sorted(str(path.relative_to(proto)) for path in (proto / PACKAGE).glob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["protoc", f"-I{proto}", f"--python_out={folder}", f"--pyi_out={folder}", *sources]
        if protoc.main(arguments) != 0:
            raise RuntimeError(f"protoc refused {', '.join(sources)} in {proto}")
        made = sorted((Path(folder) / PACKAGE).iterdir())
        return {path.name: _with_own_imports(path.read_text(encoding="utf-8")) for path in made}


def differences(fresh: dict[str, str], target: Path = TARGET) -> list[str]:
    """Lines of a unified diff from what lies in ``target`` to ``fresh``; empty when nothing differs."""
    present = {path.name: path.read_text(encoding="utf-8") for path in target.glob("*_pb2.py*")}
    lines: list[str] = []
    for name in sorted(fresh.keys() | present.keys()):
        old, new = present.get(name, ""), fresh.get(name, "")
        lines += difflib.unified_diff(
            old.splitlines(), new.splitlines(), f"committed/{name}", f"generated/{name}", lineterm="", n=1
        )
    return lines


def write(fresh: dict[str, str], target: Path = TARGET) -> None:
    """Write the generated files and remove those that have no source any more."""
    for path in target.glob("*_pb2.py*"):
        if path.name not in fresh:
            path.unlink()
    for name, text in fresh.items():
        (target / name).write_text(text, encoding="utf-8")


def _with_own_imports(text: str) -> str:
    return text.replace(f"from {PACKAGE.replace('/', '.')} import ", "from peer.wire.pb import ")


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 1 when ``--check`` finds a difference."""
    parser = argparse.ArgumentParser(description="Generate peer/wire/pb from proto/.")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail if the committed code differs"
    )
    check = parser.parse_args(arguments).check
    fresh = generate()
    if not check:
        write(fresh)
        return 0
    if lines := differences(fresh):
        version = importlib.metadata.version("grpcio-tools")
        sys.stderr.write("\n".join(lines[:60]) + "\n")
        sys.stderr.write(
            f"peer/wire/pb differs from what grpcio-tools {version} makes of proto/; "
            "run python tools/generate_proto.py with the locked version and commit the result\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
