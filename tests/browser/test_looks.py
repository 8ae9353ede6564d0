"""Every page, in both themes and both languages, large and small: without a serious finding of axe-core, without a word in
the console, nothing that sticks out, nothing that jumps."""
import pytest
from conftest import Console, eventually
from demo import NAME, Demo
from pages import PAGES

# Moves of what was drawn already, from when it is opened; above 0.1 a visitor is said to notice.
SHIFTS = """new Promise((done) => {
    let sum = 0;
    new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value; })
        .observe({ type: "layout-shift", buffered: true });
    setTimeout(() => done(Math.round(sum * 1000) / 1000), 100);
})"""
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def shared(make_once, browser):
    console = Console(make_once, browser)
    Demo(make_once, console)
    return console


def settle(page):
    page.locator("main h1").first().waitFor()
    page.waitForTimeout(600)


@pytest.mark.parametrize("dark,size,language", [(False, WIDE, "en"), (True, NARROW, "zh-CN")], ids=["light", "dark-narrow-zh"])
@pytest.mark.parametrize("where", PAGES.values(), ids=PAGES)
def test_a_page_looks_right(console, where, dark, size, language):
    page = console.open(where.format(name=NAME), dark=dark, language=language, **size)
    settle(page)
    assert not page.axe()
    assert page.locator("html").getAttribute("theme-mode") == ("dark" if dark else "light")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert page.evaluate(SHIFTS) <= 0.1
    title = page.title()
    assert title.endswith(" · Headwater") and len(title) > 12


def test_the_menu_of_a_narrow_page_opens(console):
    page = console.open(f"/domains/{NAME}/history", **NARROW)
    settle(page)
    link = page.getByRole("navigation", name="Main navigation").getByRole("link", name="Domain Management")
    assert not link.isVisible()
    page.getByRole("button", name="Open the menu").click()
    link.click()
    page.getByRole("heading", name="Domain Management", level=1).waitFor()
    eventually(lambda: not link.isVisible(), "the menu is closed")
