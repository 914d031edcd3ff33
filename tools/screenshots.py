"""Makes the pictures of the docs from a demo run: ``python -m tools.screenshots`` in the root of the repository."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.browser import browser, missing, picture, show

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
SHOTS = {"report.png": (1280, None), "report-phone.png": (390, 2 * 844)}
"""Width of the screen; how much of the page, where not all."""


def main() -> None:
    """Run a demo, and write its report's pictures."""
    lacks = missing()
    if lacks is not None:
        sys.exit(lacks)
    PICTURES.mkdir(parents=True, exist_ok=True)
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
