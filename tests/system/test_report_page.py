"""The report in a browser: it is drawn, on wide and narrow screens, by day and by night, and asks for nothing."""

import json

import pytest

from peer.report.reading import read_recorded
from peer.report.series import read_series
from peer.report.writing import write_page
from tests.unit.report.folders import write_folder
from tools.browser import browser, missing, show

pytestmark = [pytest.mark.system, pytest.mark.skipif(missing() is not None, reason=missing() or "")]

SCREENS = [(1280, False), (1280, True), (390, False), (390, True)]
PAPER = {False: "rgb(245, 247, 249)", True: "rgb(16, 22, 29)"}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("runs") / "run")
    run = read_recorded(folder)
    write_page(run, read_series(run), folder / "report.html")
    return folder / "report.html"


@pytest.fixture(scope="module")
def driver():
    with browser() as started:
        yield started


@pytest.mark.parametrize(("width", "dark"), SCREENS)
def test_every_figure_is_drawn_and_nothing_sticks_out(driver, page, width, dark):
    show(driver, page, width=width, dark=dark)
    drawn = driver.execute_script(
        """return [...document.querySelectorAll('.figure')].map(place => {
             const svg = place.querySelector('svg.main-svg');
             return svg === null ? null : svg.getBoundingClientRect().width / place.clientWidth})"""
    )
    assert len(drawn) == 10
    assert all(0.99 < share < 1.01 for share in drawn)
    assert driver.execute_script("return document.documentElement.scrollWidth") == width
    # What sticks out of a card would be cut off rather than scrolled to.
    beyond = "return [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth)"
    assert driver.execute_script(f"{beyond}.length") == 0
    assert driver.execute_script("return getComputedStyle(document.body).backgroundColor") == PAPER[dark]


@pytest.mark.parametrize("dark", [False, True])
def test_figures_are_in_the_reader_s_colours(driver, page, dark):
    show(driver, page, width=1280, dark=dark)
    colours = json.loads(driver.execute_script("return document.getElementById('figures').textContent"))[
        "colours"
    ]
    wanted = colours["dark" if dark else "light"]["blue"]
    line = driver.execute_script(
        "return getComputedStyle(document.querySelector('.scatterlayer path.js-line')).stroke"
    )
    assert line == f"rgb({', '.join(str(int(wanted[i : i + 2], 16)) for i in (1, 3, 5))})"


def test_nothing_is_asked_for_and_nothing_goes_wrong(driver, page):
    driver.get_log("browser")
    driver.get_log("performance")
    show(driver, page, width=1280)
    assert driver.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert page.as_uri() in asked
    assert not [url for url in asked if url.partition(":")[0] not in ("file", "data", "blob")]


def test_a_switch_shows_another_view(driver, page):
    show(driver, page, width=1280)
    title = "return document.querySelector('.figure .xtitle').textContent"
    assert driver.execute_script(title) == "rounds"
    buttons = driver.find_elements("css selector", ".card .switch button")
    assert [button.text for button in buttons[:3]] == ["rounds", "bytes", "seconds"]
    buttons[2].click()
    assert driver.execute_script(title) == "seconds since the first round"
    assert [button.get_attribute("aria-pressed") for button in buttons[:3]] == ["false", "false", "true"]


def test_texts_of_a_run_do_nothing(driver, page):
    show(driver, page, width=1280)
    assert "</script><script>alert('x')</script>" in driver.find_element("tag name", "main").text
    assert driver.execute_script("return document.scripts.length") == 3
