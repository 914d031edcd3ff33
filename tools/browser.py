"""Debian's chromium without a screen, for the tests of the page and for the pictures in the docs."""

import base64
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

INSTALL = "apt-get install chromium chromium-driver"


def missing() -> str | None:
    """What of the browser is not installed, as a sentence; None where all is."""
    lacks = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"there is no {' and no '.join(lacks)}: {INSTALL}" if lacks else None


@contextmanager
def browser() -> Iterator[Chrome]:
    """A chromium of our own that reaches no network."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium")
    # No sandbox: in containers chromium has no right to make one. Nothing but our own files is opened.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.add_argument(
        "--proxy-server=127.0.0.1:9"
    )  # whatever is asked for by http fails, and is seen in the log
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options, Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def show(driver: Chrome, page: Path, *, width: int, dark: bool = False) -> None:
    """Open a page as a screen of this width shows it; narrow ones are phones, with a finger for a mouse."""
    phone = width < 600
    tell(driver, "Emulation.setDeviceMetricsOverride", width=width, height=844 if phone else 800,
         deviceScaleFactor=2 if phone else 1, mobile=phone)  # fmt: skip
    tell(driver, "Emulation.setTouchEmulationEnabled", enabled=phone)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    tell(driver, "Emulation.setEmulatedMedia", media="", features=[scheme])
    driver.get(page.absolute().as_uri())


def picture(driver: Chrome, most_px: int | None = None) -> bytes:
    """The page from its top as PNG, to its end or as far as is wanted."""
    size = tell(driver, "Page.getLayoutMetrics")["cssContentSize"]
    clip = {
        "x": 0,
        "y": 0,
        "width": size["width"],
        "height": min(size["height"], most_px or size["height"]),
        "scale": 1,
    }
    shot = tell(driver, "Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
    return base64.b64decode(shot["data"])


def tell(driver: Chrome, command: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
    """One command of the browser's own protocol."""
    answer: dict[str, Any] = driver.execute_cdp_cmd(command, arguments)
    return answer


if __name__ == "__main__":
    sys.exit(missing())
