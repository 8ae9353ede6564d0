"""Manage, Basic Configuration, Origin server info: each flow of the seed, each combination that it refuses."""
import re
import threading

import control
import pytest
from client import Client
from conftest import eventually
from origin import Reply


@pytest.fixture
def name(request):
    return request.node.name.replace("_", "-").removeprefix("test-")[:50].strip("-") + ".test"


@pytest.fixture
def manage(console, name):
    """Makes the domain of the test, and opens its Basic Configuration."""

    def open_it(*addresses, session=None, path="basic", **fields):
        console.api.ok("createDomain", control.domain(name, *(addresses or ["192.0.2.1"]), **fields))
        page = console.open(f"/domains/{name}/{path}", session=session)
        page.getByRole("region", name="Origin server info").waitFor()
        return page

    return open_it


def origin_of(console, name):
    return console.api.ok("readOrigin", name=name)


def test_the_master_is_modified(console, manage, name):
    page = manage("192.0.2.1")
    page.getByRole("button", name="Modify the master origin server").click()
    dialog = page.getByRole("dialog", name="Modify the master origin server")
    submit = dialog.getByRole("button", name="Submit")
    assert submit.isDisabled()
    assert not page.axe()
    dialog.getByLabel("Address 1", exact=True).fill("192.0.2.10:8080:2, origin.example.net")
    dialog.getByLabel("Host header").fill("www.example.net")
    dialog.getByText("Timeouts, connections and probes").click()
    dialog.getByLabel("Connect timeout").fill("90s")
    dialog.getByLabel("Head timeout").focus()
    dialog.getByText('"90s" is not in 1s-60s').waitFor()
    dialog.getByLabel("Connect timeout").fill("2s")
    # What will change, before it does.
    dialog.getByRole("row", name=re.compile("origin.addresses 192.0.2.1 192.0.2.10:8080:2, origin.example.net")).waitFor()
    assert not page.axe()
    submit.click()
    page.getByText(f"{name}: the master origin is modified").waitFor()
    page.getByText("Live on all edges (1)").waitFor()
    assert page.getByRole("dialog").count() == 0
    now = origin_of(console, name)
    assert now["addresses"] == ["192.0.2.10:8080:2", "origin.example.net"]
    assert (now["host"], now["connect_timeout"]) == ("www.example.net", "2s")
    page.getByRole("region", name="Master origin server").getByText("origin.example.net").waitFor()
    # Undo from the message.
    page.getByRole("button", name="Undo").click()
    page.getByText(f"{name}: back to revision").waitFor()
    assert origin_of(console, name)["addresses"] == ["192.0.2.1"]


def test_self_owned_to_cos_and_back(console, manage, name):
    page = manage("192.0.2.1")
    page.getByRole("button", name="Modify the master origin server").click()
    dialog = page.getByRole("dialog")
    dialog.getByLabel("COS bucket").check()
    dialog.getByLabel("Bucket", exact=True).fill("shop-1250000000")
    dialog.getByLabel("Region").fill("ap-guangzhou")
    dialog.getByLabel("Private: requests are signed").check()
    dialog.getByLabel("Key id").fill("AKIDexample")
    dialog.getByLabel("Secret", exact=True).fill("a secret of a key")
    dialog.getByRole("rowheader", name="origin.bucket.secret").waitFor()
    assert not page.axe()
    dialog.getByRole("button", name="Submit").click()
    page.getByText("Live on all edges (1)").waitFor()
    now = origin_of(console, name)
    assert now["type"] == "cos" and now["bucket"]["secret"] == control.MASK
    master = page.getByRole("region", name="Master origin server")
    master.getByText("shop-1250000000").waitFor()
    # A bucket as the master has no hot backup, and why.
    add = page.getByRole("button", name="Add hot backup origin server")
    assert add.getAttribute("aria-disabled") == "true" and "R1" in add.getAttribute("title")
    # The secret is kept where nothing else is typed.
    page.getByRole("button", name="Modify the master origin server").click()
    dialog.getByLabel("Region").fill("ap-shanghai")
    dialog.getByRole("button", name="Submit").click()
    eventually(lambda: origin_of(console, name)["bucket"]["region"] == "ap-shanghai", "the other region")
    assert origin_of(console, name)["bucket"]["secret"] == control.MASK
    page.getByRole("button", name="Modify the master origin server").click()
    dialog.getByLabel("Self-owned").check()
    dialog.getByLabel("Address 1", exact=True).fill("192.0.2.3")
    dialog.getByRole("button", name="Submit").click()
    eventually(lambda: origin_of(console, name)["type"] == "self", "self-owned again")
    assert origin_of(console, name)["addresses"] == ["192.0.2.3"]


def test_a_hot_backup_is_added_modified_and_removed(console, manage, name):
    page = manage("192.0.2.1")
    page.getByText("No hot backup origin server").waitFor()
    assert page.getByRole("button", name="Master/Slave Switch").isDisabled()
    page.getByRole("button", name="Add hot backup origin server").click()
    dialog = page.getByRole("dialog", name="Add hot backup origin server")
    # A bucket as the backup (R1), HTTPS with a backup (R2).
    assert dialog.getByLabel("COS bucket").isDisabled() and dialog.getByLabel("S3-compatible").isDisabled()
    dialog.getByText("A hot backup is self-owned only: IPs or a domain name (R1).").waitFor()
    dialog.getByLabel("Address 1", exact=True).fill("backup.example.net")
    dialog.getByLabel("HTTPS", exact=True).check()
    dialog.getByText(re.compile(r"cannot be combined with a hot backup \(R2\)")).waitFor()
    assert not page.axe()
    dialog.getByLabel("HTTP", exact=True).check()
    dialog.getByRole("rowheader", name="backup.addresses").waitFor()
    dialog.getByRole("button", name="Submit").click()
    page.getByText(f"{name}: a hot backup is added").waitFor()
    card = page.getByRole("region", name="Hot backup origin server")
    card.getByText("backup.example.net").waitFor()
    page.getByRole("button", name="Modify the hot backup origin server").click()
    dialog = page.getByRole("dialog", name="Modify the hot backup origin server")
    dialog.getByLabel("Port of address 1").fill("8080")
    dialog.getByRole("button", name="Submit").click()
    card.getByText(":8080").waitFor()
    page.getByRole("button", name="Remove the hot backup origin server").click()
    dialog = page.getByRole("dialog", name=f"Remove the hot backup of {name}?")
    dialog.getByRole("rowheader", name="backup.addresses").waitFor()
    assert not page.axe()
    dialog.getByRole("button", name="Remove", exact=True).click()
    page.getByText(f"{name}: the hot backup is removed").waitFor()
    assert console.api.call("readBackup", name=name).problem == "no-backup"


def test_https_origin_pull_excludes_a_hot_backup(console, manage, name):
    page = manage("192.0.2.1", backup=["192.0.2.2"])
    page.getByRole("button", name="Modify the master origin server").click()
    dialog = page.getByRole("dialog")
    dialog.getByText("The domain has a hot backup, so the protocol stays HTTP (R2).").waitFor()
    for choice in ("HTTPS", "As the client"):
        dialog.getByLabel(choice, exact=True).check()
        dialog.getByText(re.compile(r"cannot be combined with a hot backup \(R2\)")).waitFor()
        dialog.getByRole("button", name="Submit").click()
    assert origin_of(console, name)["protocol"] == "http"
    # From the other side.
    dialog.getByRole("button", name="Cancel").click()
    page.getByRole("button", name="Leave").click()
    console.api.ok("deleteBackup", name=name)
    console.api.ok("changeOrigin", {"protocol": "https"}, name=name)
    page.getByText("The master is pulled from by HTTPS, which a hot backup excludes (R2).").waitFor()
    add = page.getByRole("button", name="Add hot backup origin server")
    assert add.getAttribute("aria-disabled") == "true"


def test_remove_the_backup_and_modify_is_one_step(console, manage, name):
    page = manage("192.0.2.1", backup=["192.0.2.2"])
    before = console.api.revision_of(name)
    page.getByRole("button", name="Modify the master origin server").click()
    dialog = page.getByRole("dialog")
    dialog.getByLabel("COS bucket").check()
    dialog.getByText(re.compile(r"Only a domain whose master is self-owned has a hot backup \(R1\), and this one has: 192.0.2.2")).waitFor()
    dialog.getByLabel("Bucket", exact=True).fill("b-1250000000")
    dialog.getByLabel("Region").fill("ap-guangzhou")
    dialog.getByLabel("Remove the hot backup 192.0.2.2 in the same step").check()
    dialog.getByRole("row", name=re.compile("backup.addresses 192.0.2.2 None")).waitFor()
    assert not page.axe()
    dialog.getByRole("button", name="Remove the backup and modify").click()
    page.getByText(f"{name}: the master is modified and the hot backup removed").waitFor()
    now = console.api.ok("readDomain", name=name)
    assert now["origin"]["type"] == "cos" and now["backup"] is None
    versions = console.api.ok("readDomainHistory", name=name)["items"]
    assert [version["revision"] for version in versions] == [now["revision"], before]
    page.getByRole("button", name="Undo").click()
    page.getByText(f"{name}: back to revision {before}").waitFor()
    now = console.api.ok("readDomain", name=name)
    assert now["origin"]["type"] == "self" and now["backup"]["addresses"] == ["192.0.2.2"]


def test_master_and_backup_are_switched_and_no_client_sees_it(console, make, manage, name):
    master, backup = make.origin("master"), make.origin("backup")
    master.default, backup.default = Reply(200, body=b"master"), Reply(200, body=b"backup")
    page = manage(master.address, backup=[backup.address], cache={"mode": "off"})
    seen, stop = [], threading.Event()

    def loop():
        with Client(console.edge) as client:
            while not stop.is_set():
                client.request("GET", "/", name)
                answer = client.response("GET")
                seen.append((answer.status, answer.body))

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        eventually(lambda: len(seen) > 20, "requests")
        page.getByRole("button", name="Master/Slave Switch").click()
        dialog = page.getByRole("dialog", name=f"Switch master and hot backup of {name}?")
        # In words, and in a diff.
        dialog.getByText(f"{backup.address} becomes the master origin server; {master.address} becomes the hot backup.").waitFor()
        dialog.getByRole("row", name=re.compile(f"origin.addresses {master.address} {backup.address}")).waitFor()
        assert not page.axe()
        dialog.getByRole("button", name="Master/Slave Switch").click()
        page.getByText(f"{name}: master and hot backup are switched").waitFor()
        page.getByText("Live on all edges (1)").waitFor()
        eventually(lambda: seen[-1] == (200, b"backup"), "the new master's answer")
        page.getByRole("button", name="Undo").click()
        page.getByText(f"{name}: switched back").waitFor()
        eventually(lambda: seen[-1] == (200, b"master"), "the old master's answer")
    finally:
        stop.set()
        thread.join()
    assert {status for status, _ in seen} == {200}


def test_a_blocked_address_turns_up_within_two_seconds(console, make, manage, name):
    good, bad = make.origin("good"), make.origin("bad")
    bad.stop()
    page = manage(good.address, bad.address)
    row = page.getByRole("row", name=re.compile(bad.address.replace(".", r"\.")))
    row.waitFor()

    def is_blocked():
        with Client(console.edge) as client:
            client.request("GET", "/", name)
            client.response("GET")
        states = console.api.ok("readDomainHealth", name=name)["origin"]
        return [edge for one in states if one["address"] == bad.address for edge in one["edges"] if edge["state"] == "blocked"]

    eventually(is_blocked, "the address is blocked", 20)
    row.getByText("Blocked").waitFor(timeout=2000)
    row.getByText(re.compile(r"the connection was refused · \d+ s left")).waitFor(timeout=1000)
    page.getByRole("row", name=re.compile(good.address.replace(".", r"\."))).getByText("Serving").waitFor(timeout=3000)
    assert not page.axe()


def test_two_edit_one_domain_and_nothing_is_lost(console, manage, name):
    page = manage("192.0.2.1", backup=["192.0.2.2"])
    page.getByRole("button", name="Modify the master origin server").click()
    dialog = page.getByRole("dialog")
    dialog.getByLabel("Host header").fill("mine.example.net")
    dialog.getByLabel("Address 1", exact=True).fill("192.0.2.50")
    dialog.getByRole("rowheader", name="origin.host").waitFor()
    # The other, meanwhile.
    other = console.plane.user("otto", role="admin")
    other.ok("changeOrigin", {"policy": "least_load", "addresses": ["192.0.2.60"]}, name=name)
    alert = dialog.getByRole("alert").filter(hasText="It was changed while you edit")
    alert.getByText(re.compile("^otto changed the domain")).waitFor()
    alert.getByRole("row", name=re.compile("origin.policy polling least_load")).waitFor()
    assert not page.axe()
    assert dialog.getByRole("button", name="Submit").isDisabled()
    assert dialog.getByLabel("Host header").inputValue() == "mine.example.net"
    alert.getByRole("button", name="Keep both: put mine on top of theirs").click()
    dialog.getByText(re.compile("Both of you changed addresses; yours is kept here")).waitFor()
    assert dialog.getByLabel("Origin-pull policy").inputValue() == "least_load"
    assert dialog.getByLabel("Address 1", exact=True).inputValue() == "192.0.2.50"
    dialog.getByRole("row", name=re.compile("origin.addresses 192.0.2.60 192.0.2.50")).waitFor()
    dialog.getByRole("button", name="Submit").click()
    page.getByText(f"{name}: the master origin is modified").waitFor()
    now = origin_of(console, name)
    assert (now["host"], now["policy"], now["addresses"]) == ("mine.example.net", "least_load", ["192.0.2.50"])


def test_what_is_typed_is_not_left_by_accident(console, manage, name):
    page = manage("192.0.2.1")
    page.getByRole("button", name="Modify the master origin server").click()
    page.getByLabel("Host header").fill("typed.example.net")
    page.keyboard.press("Escape")
    page.getByRole("dialog", name="Leave without saving?").waitFor()
    page.getByRole("button", name="Go on editing").click()
    assert page.getByLabel("Host header").inputValue() == "typed.example.net"
    page.keyboard.press("Escape")
    page.getByRole("button", name="Leave", exact=True).click()
    assert page.getByRole("dialog").count() == 0
    # The focus is where it was.
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Modify the master origin server"
    assert origin_of(console, name)["host"] is None


def test_history_shows_changes_and_gives_a_version_back(console, manage, name):
    page = manage("192.0.2.1", backup=["192.0.2.2"])
    first = console.api.revision_of(name)
    console.api.ok("switchDomain", name=name)
    console.api.ok("changeOrigin", {"connect_timeout": "2s"}, name=name)
    page.getByRole("link", name="History").click()
    page.getByRole("heading", name="Master/Slave Switch").waitFor()
    page.getByRole("row", name=re.compile("origin.connect_timeout 5s 2s")).waitFor()
    assert not page.axe()
    page.getByRole("button", name=f"Roll back to revision {first}").click()
    dialog = page.getByRole("dialog", name=f"Give {name} back revision {first}?")
    dialog.getByRole("row", name=re.compile("origin.addresses 192.0.2.2 192.0.2.1")).waitFor()
    dialog.getByRole("button", name="Roll back").click()
    page.getByText(f"{name} is as it was at revision {first}").waitFor()
    assert origin_of(console, name)["addresses"] == ["192.0.2.1"]
    page.getByRole("heading", name="Rolled back").waitFor()


def test_the_origin_of_a_domain_of_a_bucket_is_locked(console, name):
    bucket = {"type": "cos", "bucket": {"bucket": "b-1250000000", "region": "ap-x"}}
    console.api.ok("createDomain", {"name": name, "kind": "bucket_default", "origin": bucket})
    page = console.open(f"/domains/{name}/basic")
    page.getByText("A bucket created this domain by itself, so its origin cannot be modified (R3).").waitFor()
    modify = page.getByRole("button", name="Modify the master origin server")
    assert modify.getAttribute("aria-disabled") == "true" and "R3" in modify.getAttribute("title")
    page.getByText("Locked", exact=True).waitFor()
    assert not page.axe()


def test_an_operator_switches_and_drains_and_no_more(console, manage, name):
    page = manage("192.0.2.1", "192.0.2.3", backup=["192.0.2.2"], session=console.plane.user("olga", role="operator"))
    assert page.getByRole("button", name="Modify the master origin server").getAttribute("aria-disabled") == "true"
    page.getByRole("button", name="Actions for 192.0.2.3").click()
    page.getByRole("menuitem", name=re.compile("Drain")).click()
    page.getByText(f"{name}: 192.0.2.3 takes no new origin-pulls").waitFor()
    page.getByRole("row", name=re.compile("192.0.2.3")).getByText("Drained").waitFor()
    assert origin_of(console, name)["addresses"] == ["192.0.2.1", "192.0.2.3::0"]
    page.getByRole("button", name="Master/Slave Switch").click()
    page.getByRole("dialog").getByRole("button", name="Master/Slave Switch").click()
    page.getByText(f"{name}: master and hot backup are switched").waitFor()
    assert origin_of(console, name)["addresses"] == ["192.0.2.2"]


def test_all_of_it_by_keyboard(console, manage, name):
    page = manage("192.0.2.1", backup=["192.0.2.2"])
    page.getByRole("button", name="Master/Slave Switch").focus()
    page.keyboard.press("Enter")
    dialog = page.getByRole("dialog")
    dialog.getByRole("rowheader", name="origin.addresses").waitFor()
    # Tab stays in the dialog.
    for _ in range(8):
        page.keyboard.press("Tab")
        assert page.evaluate("document.querySelector('[role=dialog]').contains(document.activeElement)")
    dialog.getByRole("button", name="Master/Slave Switch").focus()
    page.keyboard.press("Enter")
    page.getByText(f"{name}: master and hot backup are switched").waitFor()
    assert origin_of(console, name)["addresses"] == ["192.0.2.2"]
