"""One decoder in a process of its own: fuzz it under the guidance of coverage, or give it single files.

``python -m tests.fuzz.one DECODER FILE ...`` gives it files, one after the other: so what a campaign has found is seen
again. With ``--fuzz`` and then options of libFuzzer it is the campaign's.
"""

import sys
from pathlib import Path

INSTRUMENTED = ["peer", "topology", "yaml", "tests.fuzz.neighbour"]


def fuzz(name: str, options: list[str]) -> None:
    """Let libFuzzer make inputs; ends the process."""
    import atheris  # only here: files can be replayed where there is no build of it

    with atheris.instrument_imports(include=INSTRUMENTED, enable_loader_override=False):
        from tests.fuzz import targets
    others = {"any": targets.any_of_them, "canary": targets.canary}
    atheris.Setup([sys.argv[0], *options], {**targets.DECODERS, **others}[name])
    atheris.Fuzz()


def replay(name: str, paths: list[str]) -> None:
    """Give files to the decoder."""
    from tests.fuzz.targets import DECODERS

    for path in paths:
        DECODERS[name](Path(path).read_bytes())
        print(f"{name} takes {path}, or refuses it in its own words")


if __name__ == "__main__":
    decoder, *rest = sys.argv[1:]
    if rest[:1] == ["--fuzz"]:
        fuzz(decoder, rest[1:])
    else:
        replay(decoder, rest)
