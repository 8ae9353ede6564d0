"""Live health: the map of a domain with its states and flows, what happens as it happens, and all of it by keyboard."""
import threading
import time

import control
import pytest
from caching import says
from conftest import eventually

ADDRESSES = 32


class Visitors:
    """A few requests a second, until it is left; remembers what was not answered well."""

    def __init__(self, console, name):
        self.program, self.name = console.plane.program, name
        self.bad, self._ends = [], threading.Event()
        self._thread = threading.Thread(target=self._go)

    def _go(self):
        number = 0
        while not self._ends.wait(0.1):
            number += 1
            status = self.program.get(f"/{number}?{time.monotonic()}", host=self.name).status
            if status != 200:
                self.bad.append(status)

    def __enter__(self):
        eventually(lambda: self.program.get("/", host=self.name).status == 200, "the domain is live")
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join()


@pytest.fixture
def origins(make):
    master, backup = make.origin("master"), make.origin("backup")
    for origin in (master, backup):
        origin.default = says("Cache-Control: no-store")
    return master, backup


def box(page, address):
    return page.getByRole("region", name="How ").getByRole("button", name=address)


def test_a_master_that_fails_is_seen_on_the_map_with_its_reason_and_who_answers_instead(console, origins):
    name = "failing.health.test"
    master, backup = origins
    console.api.ok("createDomain", control.domain(name, master.address, backup=[backup.address]))
    page = console.open(f"/domains/{name}/health")
    with Visitors(console, name) as visitors:
        page.getByText("All is well: every address in use serves.").waitFor()
        box(page, master.address).getByText("Serving").waitFor()
        # What flows: the master has all of it, the backup nothing.
        page.getByText("Of the last").waitFor()
        pills = page.locator(".hw-map__pill")
        eventually(lambda: [text != "0/s" for text in pills.allTextContents()] == [True, False], "pulls are at the master")
        assert not page.axe()
        master.down()
        page.getByText("The hot backup answers: every address of the master is blocked.").waitFor()
        box(page, master.address).getByText("Blocked").waitFor()
        events = page.getByRole("log", name="Events")
        events.getByText(f"{master.address} is blocked").waitFor()
        events.getByText("the connection was refused · master").waitFor()
        events.getByText("Requests fail over to the hot backup").waitFor()
        eventually(lambda: pills.allTextContents()[1] not in ("0/s", "–"), "pulls are at the backup")
        failures = page.getByRole("region", name="Failures by reason")
        failures.getByText("the connection was refused").waitFor()
        assert not page.axe()
    assert visitors.bad == []
    # Each edge by itself, by keyboard alone.
    box(page, master.address).focus()
    page.keyboard.press("Enter")
    details = page.getByRole("region", name=f"{master.address}, as each edge finds it")
    details.getByRole("cell", name="the connection was refused").waitFor()
    details.getByText("The address is blocked for all domains").waitFor()
    seconds = details.getByRole("row").nth(1).getByRole("cell").last().textContent()
    eventually(lambda: details.getByRole("row").nth(1).getByRole("cell").last().textContent() != seconds, "the time runs")
    details.getByRole("button", name="Close details").click()
    # The same as a table.
    page.getByRole("radio", name="Table").check(force=True)
    row = page.getByRole("row").filter(hasText=master.address)
    row.getByText("Blocked").waitFor()
    assert not page.axe()


def test_changes_and_recoveries_are_told_as_they_happen(console, origins):
    name = "changing.health.test"
    master, backup = origins
    console.api.ok("createDomain", control.domain(name, master.address, backup=[backup.address]))
    page = console.open(f"/domains/{name}/health", dark=True)
    events = page.getByRole("log", name="Events")
    events.getByText("The domain is added").waitFor()
    console.api.ok("switchDomain", name=name, fields={"If-Match": "*"})
    events.getByText("Master and hot backup are switched").waitFor()
    groups = page.locator(".hw-map__node").allTextContents()
    eventually(lambda: backup.address in page.locator(".hw-map__node").allTextContents()[0], groups)
    assert not page.axe()


def test_many_addresses_have_room_also_on_a_telephone_and_in_chinese(console):
    name = "many.health.test"
    addresses = [f"192.0.2.{number}" for number in range(1, ADDRESSES + 1)]
    console.api.ok("createDomain", control.domain(name, *addresses, backup=["198.51.100.1", "198.51.100.2"]))
    for options in ({}, {"width": 390, "height": 844, "dark": True, "language": "zh-CN"}):
        page = console.open(f"/domains/{name}/health", **options)
        page.locator(".hw-map__node").nth(ADDRESSES + 1).waitFor()
        assert page.locator(".hw-map__node").count() == ADDRESSES + 2
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, "the page is wider than the window"
        assert not page.axe()


def test_a_domain_without_a_backup_is_told_what_one_would_do(console):
    name = "alone.health.test"
    console.api.ok("createDomain", control.domain(name, "192.0.2.1"))
    page = console.open(f"/domains/{name}/health")
    page.getByText("No requests of late").waitFor()
    page.getByRole("region", name="How ").getByRole("link", name="To Basic Configuration").click()
    page.getByRole("region", name="Origin server info").waitFor()
