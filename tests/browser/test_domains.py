"""Domain Management: the list, a new domain, starting, stopping, deleting, several at once, and what can be taken away."""
import csv
import re

import control
import pytest
from conftest import Console, eventually

COUNT = 45


@pytest.fixture(scope="module")
def shared(make_once, browser):
    """One with many domains, of which every third has a backup and every fifth is offline."""
    console = Console(make_once, browser)
    domains = []
    for number in range(COUNT):
        backup = ["198.51.100.7"] if number % 3 == 0 else ()
        fields = {"status": "offline"} if number % 5 == 0 else {}
        domains.append(control.domain(f"site{number:02}.list.test", f"192.0.2.{number + 1}", backup=backup, **fields))
    domains.append({"name": "bucket.list.test", "origin": {"type": "cos", "bucket": {"bucket": "b-1250000000", "region": "ap-x"}}})
    console.api.ok("apply", __import__("json").dumps({"domains": domains}))
    return console


@pytest.fixture
def names():
    def read(page):
        return page.locator("tbody th a").allTextContents()

    return read


def wait_names(page, names, wanted):
    eventually(lambda: names(page) == wanted, wanted)


def test_the_list_is_searched_filtered_sorted_and_paged(console, names):
    page = console.open("/domains")
    wait_names(page, names, ["bucket.list.test", *(f"site{n:02}.list.test" for n in range(19))])
    assert not page.axe()
    page.getByRole("button", name="Next page").click()
    wait_names(page, names, [f"site{n:02}.list.test" for n in range(19, 39)])
    page.getByRole("button", name="Domain", exact=True).click()
    wait_names(page, names, [f"site{n:02}.list.test" for n in range(44, 24, -1)])
    page.getByLabel("Search names and origin addresses").fill("192.0.2.4")
    wait_names(page, names, [f"site{n:02}.list.test" for n in (44, 43, 42, 41, 40, 39, 3)])
    page.getByLabel("Status", exact=True).selectOption("offline")
    wait_names(page, names, ["site40.list.test"])
    # The address keeps all of it.
    page.reload()
    wait_names(page, names, ["site40.list.test"])
    page.getByRole("button", name="Clear filters").click()
    page.getByLabel("Origin type").selectOption("cos")
    wait_names(page, names, ["bucket.list.test"])
    page.getByLabel("Hot backup", exact=True).selectOption("yes")
    page.getByText("No domain is like this").waitFor()


def test_a_domain_is_made_by_the_rules_of_the_server_as_it_is_typed(console):
    page = console.open("/domains")
    page.getByRole("button", name="Add domain").first().click()
    page.getByRole("heading", name="Add domain").waitFor()
    assert not page.axe()
    page.getByLabel("Host name").fill("not a name")
    page.getByLabel("Address 1", exact=True).fill("203.0.113.5:99999")
    page.getByLabel("Host header").first().focus()
    page.getByText("is no host name").waitFor()
    page.getByText("has a port that is not in 1-65535").waitFor()
    page.getByLabel("Host name").fill("site01.list.test")
    page.getByText("there is a domain site01.list.test already").waitFor()
    page.getByLabel("Host name").fill("made.list.test")
    page.getByLabel("Port of address 1").fill("8080")
    page.getByLabel("Weight of address 1").fill("10")
    # What was typed into one field is taken apart.
    assert page.getByLabel("Address 1", exact=True).inputValue() == "203.0.113.5"
    page.getByRole("switch", name="Add a hot backup origin server").click()
    backup = page.getByRole("region", name="Hot backup origin server")
    backup.getByLabel("Address 1", exact=True).fill("198.51.100.9")
    # R1 and R2, where they bite.
    assert backup.getByLabel("COS bucket").isDisabled()
    page.getByRole("region", name="Master origin server").getByLabel("HTTPS", exact=True).check()
    page.getByText(re.compile(r"HTTPS origin-pull .* cannot be combined with a hot backup \(R2\)")).waitFor()
    page.getByRole("region", name="Master origin server").getByLabel("HTTP", exact=True).check()
    page.getByText("It keeps to all rules.").waitFor()
    page.getByRole("button", name="Add domain").click()
    page.getByRole("heading", name="made.list.test").waitFor()
    page.getByText("made.list.test is added").waitFor()
    made = console.api.ok("readDomain", name="made.list.test")
    assert made["origin"]["addresses"] == ["203.0.113.5:8080:10"] and made["backup"]["addresses"] == ["198.51.100.9"]
    # The way back.
    page.getByRole("button", name="Undo").click()
    page.getByText("made.list.test is removed again").waitFor()
    assert console.api.call("readDomain", name="made.list.test").status == 404


def test_a_domain_is_stopped_and_the_message_takes_it_back(console):
    page = console.open("/domains?search=site01")
    page.getByRole("button", name="More actions for site01.list.test").click()
    page.getByRole("menuitem", name="Stop").click()
    dialog = page.getByRole("dialog", name="Stop site01.list.test?")
    dialog.getByRole("rowheader", name="status").waitFor()
    dialog.getByRole("button", name="Stop", exact=True).click()
    page.getByText("site01.list.test is offline").waitFor()
    page.getByText("Live on all edges").waitFor()
    assert console.api.ok("readDomain", name="site01.list.test")["status"] == "offline"
    page.getByRole("cell", name="Offline").waitFor()
    page.getByRole("button", name="Undo").click()
    page.getByText("site01.list.test is online").waitFor()
    assert console.api.ok("readDomain", name="site01.list.test")["status"] == "online"


def test_a_domain_is_deleted_by_its_name_and_comes_back(console):
    page = console.open("/domains?search=site02")
    page.getByRole("button", name="More actions for site02.list.test").click()
    page.getByRole("menuitem", name="Delete").click()
    dialog = page.getByRole("dialog", name="Delete site02.list.test?")
    button = dialog.getByRole("button", name="Delete")
    assert button.isDisabled()
    dialog.getByLabel("Type site02.list.test to confirm").fill("site02.list.test")
    button.click()
    page.getByText("No domain is like this").waitFor()
    page.getByRole("button", name="Undo").click()
    page.getByRole("link", name="site02.list.test", exact=True).waitFor()
    assert console.api.call("readDomain", name="site02.list.test").status == 200


def test_several_at_once(console):
    page = console.open("/domains?search=site3")
    page.getByRole("link", name="site39.list.test", exact=True).waitFor()
    page.getByLabel("Select site31.list.test").check()
    page.getByLabel("Select site32.list.test").check()
    page.getByLabel("Select site30.list.test").check()  # which is offline already
    page.getByRole("toolbar").getByRole("button", name="Stop").click()
    page.getByRole("dialog", name="Stop 3 domains?").getByRole("button", name="Stop", exact=True).click()
    page.getByText("2 domains are offline").waitFor()

    def offline():
        return [item["name"][:6] for item in console.api.ok("listDomains", query={"search": "site3", "status": "offline"})["items"]]

    assert offline() == ["site30", "site31", "site32", "site35"]
    page.getByRole("button", name="Undo").click()
    page.getByText("2 domains are as they were").waitFor()
    assert offline() == ["site30", "site35"]


def test_the_list_is_taken_away(console, tmp_path):
    page = console.open("/domains?search=site1")
    page.getByRole("link", name="site19.list.test", exact=True).waitFor()
    page.getByRole("button", name="Export").click()
    assert page.download(page.getByRole("menuitem", name=re.compile("CSV")), tmp_path / "list.csv") == "domains.csv"
    with open(tmp_path / "list.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["domain"] for row in rows] == [f"site{n}.list.test" for n in range(10, 20)]
    assert rows[2] == {"domain": "site12.list.test", "status": "online", "kind": "normal", "origin_type": "self", "origin": "192.0.2.13",
                       "protocol": "http", "backup": "198.51.100.7", "revision": rows[2]["revision"]}  # fmt: skip


def test_a_viewer_is_told_why_nothing_can_be_changed(console):
    page = console.open("/domains", session=console.plane.user("vera"))
    button = page.getByRole("button", name="Add domain")
    button.waitFor()
    assert button.getAttribute("aria-disabled") == "true"
    assert button.getAttribute("title") == "Your role (viewer) does not allow this; it takes admin."
    page.goto("/domains/site03.list.test/basic")
    modify = page.getByRole("button", name="Modify the master origin server")
    modify.waitFor()
    assert modify.getAttribute("aria-disabled") == "true"
    assert not page.axe()
