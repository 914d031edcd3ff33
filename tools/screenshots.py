"""Makes the pictures of the docs from real runs: ``python -m tools.screenshots`` in the root of the repository."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.browser import browser, missing, picture, show
from tools.terminal_picture import terminal_picture

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
SHOTS = {"report.png": (1280, None), "report-phone.png": (390, 2 * 844)}
"""Width of the screen; how much of the page, where not all."""


def main() -> None:
    """Run a network for the terminal's picture and a demo for its report's, and write them."""
    lacks = missing()
    if lacks is not None:
        sys.exit(lacks)
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / "terminal.svg").write_text(terminal_picture(), encoding="utf-8")
    with TemporaryDirectory() as scratch:
        demo = [
            sys.executable,
            "-c",
            "from peer.cli.main import main; main()",
            "demo",
            "--json",
            "--out",
            scratch,
        ]
        done = subprocess.run(demo, check=True, stdout=subprocess.PIPE)  # noqa: S603
        page = Path(scratch) / json.loads(done.stdout)["run_id"] / "report.html"
        with browser() as driver:
            for name, (width, most_px) in SHOTS.items():
                show(driver, page, width=width)
                (PICTURES / name).write_bytes(picture(driver, most_px))


if __name__ == "__main__":
    main()
