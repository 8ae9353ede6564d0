"""The access log as it is written: filters, pausing, what a request went through, and that much of it stalls nothing."""
import json
import os
import re
import signal
import urllib.parse

import control
import pytest
from conftest import Console, eventually
from origin import Reply

NAME = "www.logs.test"
OTHER = "img.logs.test"
MANY = 400


@pytest.fixture(scope="module")
def shared(make_once, browser):
    """One with a master that fails at /fails, and a backup that does not."""
    console = Console(make_once, browser)
    master, backup = make_once.origin("master"), make_once.origin("backup")
    master.on("/fails", Reply(503))
    for name in (NAME, OTHER):
        console.api.ok("createDomain", control.domain(name, master.address, backup=[backup.address]))
    console.master, console.backup = master, backup
    eventually(lambda: console.plane.program.get("/", host=NAME).status == 200, "the domain is served")
    return console


def ask(console, *paths, host=NAME):
    with console.plane.program.connect() as client:
        for path in paths:
            client.request(target=path, host=host)
            assert client.response().status < 600


def opened(console, path="/logs", **options):
    """The page, as soon as it hears."""
    page = console.open(path, **options)
    page.locator(".hw-logs__bar").getByText("Live", exact=True).waitFor()
    return page


def rows(page):
    return page.locator(".hw-log__open").allTextContents()


def test_a_request_turns_up_and_opens_to_its_attempts(console):
    page = opened(console)
    page.getByText("No request yet").waitFor()
    assert not page.axe()
    ask(console, "/fine?x=1", "/fails")
    eventually(lambda: rows(page) == [f"{NAME}/fails", f"{NAME}/fine?x=1"], "both, the newest first", 4)
    assert not page.axe()
    page.getByRole("button", name=f"GET {NAME}/fails, 200: show its attempts").press("Enter")
    drawer = page.getByRole("dialog")
    drawer.getByText("The master origin failed, and the hot backup origin answered the same request.").waitFor()
    steps = drawer.getByRole("list", name="Attempts").getByRole("listitem")
    assert steps.count() == 2
    first, second = steps.nth(0).textContent(), steps.nth(1).textContent()
    assert "Master origin" in first and console.master.address in first and "answered 503" in first
    assert "it answered with a status that fails over" in first and "the hot backup is tried" in first
    assert "Hot backup origin" in second and "answered 200" in second and "this answer goes to the client" in second
    drawer.getByText("The line as JSON").click()
    assert '"reason": "status"' in drawer.locator("pre").textContent()
    assert not page.axe()
    drawer.getByRole("button", name="Copy as JSON").click()
    drawer.getByRole("button", name="Copied").waitFor()
    # From a request to those like it.
    drawer.getByRole("button", name=re.compile("Only these.*/fails")).click()
    eventually(lambda: rows(page) == [f"{NAME}/fails"], "only that path")
    assert page.getByLabel("Path begins with").inputValue() == "/fails"


def test_what_is_shown_can_be_taken_away(console, tmp_path):
    page = opened(console)
    ask(console, "/one", "/fails")
    eventually(lambda: len(rows(page)) == 2, "both")
    assert page.download(page.getByRole("button", name="Download"), tmp_path / "log") == "access-log.ndjson"
    told = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [one["path"] for one in told] == ["/one", "/fails"] and [len(one["attempts"]) for one in told] == [1, 2]
    page.getByRole("button", name=f"GET {NAME}/one, 200: show its attempts").click()
    page.getByRole("dialog").getByRole("link", name="Purge this URL").click()
    assert page.getByLabel("URLs, one on each line").inputValue() == f"http://{NAME}/one"


def test_filters_hold_here_and_at_the_edges_and_stand_in_the_address(console):
    page = opened(console)
    page.getByLabel("Client", exact=True).fill("300.1")
    page.getByText("An IP address, or a prefix such as").waitFor()
    page.getByLabel("Client", exact=True).fill("127.0.0.0/8")
    page.getByLabel("Failed over to the hot backup").check()
    eventually(lambda: "backup=1" in page.evaluate("location.search"), "the address has it")
    page.reload()
    page.locator(".hw-logs__bar").getByText("Live", exact=True).waitFor()
    assert page.getByLabel("Failed over to the hot backup").isChecked()
    ask(console, "/fine", "/fails", "/fine")
    eventually(lambda: rows(page) == [f"{NAME}/fails"], "only what failed over", 4)
    page.getByRole("button", name="Clear filters").click()
    eventually(lambda: page.evaluate("location.search") == "", "nothing in the address")
    page.locator(".hw-logs__bar").getByText("Live", exact=True).waitFor()
    page.getByLabel("Status", exact=True).selectOption("4xx")
    eventually(lambda: rows(page) == [], "what is here is filtered as well")
    page.getByText("None that the filters let through has come since.").waitFor()


def test_it_pauses_and_goes_on(console):
    page = opened(console)
    page.getByRole("button", name="Pause").click()
    ask(console, "/while/paused", "/while/paused")
    page.getByRole("button", name="Resume (2 new)").waitFor()
    assert rows(page) == []
    page.getByRole("button", name="Resume").click()
    eventually(lambda: len(rows(page)) == 2, "both are there")
    page.getByRole("button", name="Clear", exact=True).click()
    page.getByText("No request yet").waitFor()


def test_many_requests_are_few_rows_and_whoever_reads_stays_there(console):
    page = opened(console)
    ask(console, *[f"/many/{number}" for number in range(MANY)])
    table = page.getByRole("table", name="Requests, the newest first")
    eventually(lambda: table.getAttribute("aria-rowcount") == str(MANY + 1), "all are there", 15)
    assert len(rows(page)) < 50
    page.evaluate("document.querySelector('.hw-log__box').scrollTo({top: 38 * 100})")
    seen = f"{NAME}/many/{MANY - 101}"
    eventually(lambda: seen in rows(page), "what is scrolled to")
    place = f"[...document.querySelectorAll('.hw-log__open')].find(one => one.textContent === '{seen}')?.getBoundingClientRect().top"
    before = page.evaluate(place)
    ask(console, "/new/1", "/new/2")
    page.getByRole("button", name="2 newer").waitFor()
    eventually(lambda: page.evaluate(place) == before, "it stays where it is read")
    page.getByRole("button", name="2 newer").click()
    eventually(lambda: rows(page)[0] == f"{NAME}/new/2", "back at the newest")


def test_a_domain_has_its_own(console):
    page = opened(console, f"/domains/{OTHER}/logs", width=390, height=844, dark=True)
    ask(console, "/of/another")
    ask(console, "/of/this", host=OTHER)
    eventually(lambda: rows(page) == ["/of/this"], "only those of the domain", 4)
    assert page.getByLabel("Domain", exact=True).count() == 0
    assert not page.axe()


def test_it_comes_back_when_the_stream_ends(console):
    page = opened(console, "/logs?" + urllib.parse.urlencode({"path": "/after"}))
    (pid,) = console.plane.program.control_pids()
    os.kill(pid, signal.SIGKILL)
    page.locator(".hw-logs__bar").getByText("Reconnecting").waitFor()
    page.locator(".hw-logs__bar").getByText("Live", exact=True).waitFor(timeout=30000)
    eventually(lambda: ask(console, "/after/all") or rows(page), "what came since", 15)
    assert set(rows(page)) == {f"{NAME}/after/all"}
    # A browser tells of the stream that broke off.
    assert all("ERR_" in trouble or "status of 5" in trouble for trouble in page.troubles())
