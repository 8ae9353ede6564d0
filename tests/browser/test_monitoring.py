"""Monitoring: charts of what was counted, as tables and as CSV; of one domain and of all."""
import csv
import re

import control
import pytest
from caching import says
from conftest import Console, eventually
from origin import Reply

NAME = "counted.test"
REQUESTS = 12
CHARTS = ["Requests", "Bandwidth", "Hit ratio", "Latency", "Status classes", "Origin-pulls", "Failed origin-pulls by reason"]


@pytest.fixture(scope="module")
def shared(make_once, browser):
    """One that has counted some requests, of which one was for what is not there."""
    console = Console(make_once, browser)
    origin = make_once.origin("master")
    origin.default = says("Cache-Control: max-age=600", body=b"x" * 1000)
    origin.on("/missing", Reply(status=404))
    console.api.ok("createDomain", control.domain(NAME, origin.address))
    console.api.ok("createDomain", control.domain("quiet.test", "192.0.2.1"))
    get = console.plane.program.get
    eventually(lambda: get("/", host=NAME).status == 200, "the domain is live")
    for _ in range(REQUESTS - 2):
        assert get("/", host=NAME).status == 200
    assert get("/missing", host=NAME).status == 404
    eventually(lambda: counted(console)["requests"] >= REQUESTS, "the requests are counted", 40)
    return console


def counted(console):
    return console.api.ok("readStats", query={"domain": NAME})["client"]["total"]


def sum_of(page, name):
    return page.locator(".hw-sums > div").filter(hasText=name).locator("dd").textContent()


def test_each_chart_is_drawn_and_is_a_table(console):
    page = console.open(f"/domains/{NAME}/monitoring")
    for chart in CHARTS:
        page.getByRole("region", name=chart, exact=True).locator("canvas").waitFor()
    total = counted(console)
    assert sum_of(page, "Requests") == str(total["requests"])
    assert re.match(r"9\d(\.\d)?%|8\d(\.\d)?%", sum_of(page, "Hit ratio"))
    assert not page.axe()
    for chart in CHARTS:
        page.getByRole("button", name=f"Show {chart} as a table", exact=True).click()
    table = page.getByRole("region", name="Requests, Table")
    assert table.getByRole("columnheader").allTextContents() == ["Time", "All requests", "Cache hits"]
    # Nothing is known of the time before anything ran.
    assert table.getByRole("row").last().getByRole("cell").allTextContents() == ["–", "–"]
    page.getByText("Shaded: no edge was heard of").waitFor()
    assert not page.axe()
    page.getByRole("button", name="Show Requests as a chart", exact=True).click()
    page.getByRole("region", name="Requests", exact=True).locator("canvas").waitFor()


def test_a_chart_is_saved_with_all_of_its_numbers(console, tmp_path):
    page = console.open(f"/domains/{NAME}/monitoring?range=24h")
    save = page.getByRole("button", name="Export Failed origin-pulls by reason as CSV")
    save.waitFor()
    # A step is shown once its first minute is over.
    failure = page.getByText("master: it answered with 4xx")
    eventually(lambda: failure.count() == 1 or page.reload() or save.waitFor(), "the failure has its name", 90)
    assert page.download(save, tmp_path / "failures.csv") == f"headwater-{NAME}-24h-failures.csv"
    rows = list(csv.reader((tmp_path / "failures.csv").open(encoding="utf-8")))
    assert rows[0] == ["Time", "master: it answered with 4xx"]
    assert 140 <= len(rows) <= 146 and all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d0:00.000Z", row[0]) for row in rows[1:])
    assert rows[1][1] == "" and {row[1] for row in rows[1:]} <= {"", "0", "1"}


def test_the_address_of_the_page_keeps_the_domain_and_the_time(console):
    page = console.open("/monitoring")
    page.locator(".hw-sums dd").first().waitFor()
    page.getByRole("radio", name="7 days").check(force=True)
    page.getByText("a point is 1 h").waitFor()
    domain = page.getByRole("combobox", name="Domain")
    domain.fill("count")
    page.getByRole("option", name=NAME).click()
    eventually(lambda: page.evaluate("location.search") == f"?range=7d&domain={NAME}", "both are in the address")
    page.reload()
    page.getByText("a point is 1 h").waitFor()
    assert domain.inputValue() == NAME
    # By keyboard, with the pointer out of the way; one that is no more may have been counted, too.
    page.mouse.move(0, 0)
    domain.fill("absent.test")
    page.keyboard.press("Enter")
    page.getByText("Nothing was counted in this time").first().waitFor()
    domain.fill("")
    eventually(lambda: "domain" not in page.evaluate("location.search"), "all domains are shown")


@pytest.mark.parametrize("options", [{"dark": True}, {"width": 390, "height": 844, "language": "zh-CN"}])
def test_it_is_readable_in_both_themes_sizes_and_languages(console, options):
    page = console.open("/domains/quiet.test/monitoring", **options)
    page.locator(".hw-charts canvas").nth(len(CHARTS) - 1).waitFor()
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert over <= 0, "the page is wider than the window"
    assert not page.axe()


def test_charts_come_when_they_are_needed(console):
    page = console.open("/domains")
    page.locator("tbody th a").first().waitFor()
    loaded = "performance.getEntriesByType('resource').filter(one => one.name.includes('echarts')).length"
    assert page.evaluate(loaded) == 0
    page.goto("/monitoring")
    page.locator(".hw-charts canvas").first().waitFor()
    assert page.evaluate(loaded) > 0
