"""Pictures of every page, in both sizes and both themes: script/screenshots."""
import os
import pathlib

import pytest
from conftest import Console
from demo import NAME, Demo
from pages import PAGES

FOLDER = pathlib.Path(os.environ.get("SCREENSHOTS", "build/screenshots"))
SIZES = {"wide": {"width": 1440, "height": 900}, "narrow": {"width": 390, "height": 844}}
# What is opened on a page before another picture of it.
OPENED = {
    "basic-modify": ("basic", ["Modify the master origin server"]),
    "basic-switch": ("basic", ["Master/Slave Switch"]),
}


@pytest.fixture(scope="module")
def shared(make_once, browser):
    console = Console(make_once, browser)
    Demo(make_once, console)
    return console


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pictures(shared, size, theme):
    FOLDER.mkdir(parents=True, exist_ok=True)
    page = shared.open("/", dark=theme == "dark", **SIZES[size])
    for name, where in PAGES.items():
        page.goto(where.format(name=NAME))
        page.waitForTimeout(1200)
        page.screenshot(path=str(FOLDER.resolve() / f"{name}-{size}-{theme}.png"))
    for name, (of, buttons) in OPENED.items():
        page.goto(PAGES[of].format(name=NAME))
        for button in buttons:
            page.getByRole("button", name=button).click()
        page.waitForTimeout(700)
        page.screenshot(path=str(FOLDER.resolve() / f"{name}-{size}-{theme}.png"))
    page.close()
