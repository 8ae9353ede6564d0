"""Acceleration: what is set of a domain beside its origins, by forms: checked while it is typed, reviewed, saved, taken back."""
import re

import control
from conftest import eventually

LEAD = "What is kept of the origins' answers"


def make(console, name, **fields):
    console.api.ok("createDomain", {**control.domain(name, "192.0.2.1"), **fields})
    return name


def read(console, name):
    return console.api.ok("readDomain", name=name)


def opened(console, name, **options):
    page = console.open(f"/domains/{name}/acceleration", **options)
    page.getByText(LEAD).waitFor()
    return page


def save(page):
    button = page.getByRole("button", name="Review and save")
    button.click()
    dialog = page.getByRole("dialog")
    dialog.getByRole("button", name="Save").click()
    page.getByText("the acceleration settings are changed").waitFor()


def test_each_kind_of_field_is_changed_and_taken_back(console):
    name = make(console, "kinds.test", backup={"type": "self", "addresses": ["192.0.2.2"]})
    before = read(console, name)
    page = opened(console, name)
    page.getByLabel("Default freshness").fill("10m")
    page.getByLabel("Freshness by status").fill("404:10s, 410:1h")
    page.getByRole("switch", name="Freshness by age").click()
    page.getByLabel("Answers with Set-Cookie").selectOption("strip")
    page.getByLabel("Query of the URL").selectOption("chosen")
    page.getByLabel("Parameters", exact=True).fill("id page")
    page.getByLabel("Send to HTTPS").selectOption("308")
    page.getByLabel("HSTS", exact=True).fill("365d")
    page.getByRole("switch", name="HSTS for names below").click()
    page.getByLabel("Protocols").fill("websocket")
    page.getByLabel("Idle timeout").fill("60s")
    page.getByLabel("Ask the backup as well").selectOption("p95")
    page.getByLabel("For at most so many pulls").fill("10%")
    page.getByLabel("Attempts to get the rest").fill("0")
    page.getByLabel("Statuses that fail over").fill("500-599")
    page.getByText("15 changes are not saved").waitFor()
    eventually(lambda: not page.axe(), "nothing is wrong once the buttons are what they become")
    page.getByRole("button", name="Review and save").click()
    dialog = page.getByRole("dialog", name=f"Change how {name} is accelerated?")
    dialog.getByText("hedge.after").waitFor()
    assert not page.axe()
    dialog.getByRole("button", name="Save").click()
    page.getByText(f"{name}: the acceleration settings are changed").waitFor()
    after = read(console, name)
    assert (after["cache"]["ttl_default"], after["cache"]["ttl_statuses"], after["cache"]["heuristics"]) == (
        "600s", ["404:10s", "410:3600s"], False)  # fmt: skip
    assert (after["cache"]["set_cookie"], after["cache"]["query"], after["cache"]["query_parameters"]) == (
        "strip", "chosen", ["id", "page"])  # fmt: skip
    assert (after["https"]["redirect"], after["https"]["hsts"], after["https"]["hsts_subdomains"]) == ("308", "31536000s", True)
    assert (after["upgrade"]["protocols"], after["upgrade"]["idle_timeout"]) == (["websocket"], "60s")
    assert (after["hedge"], after["resume"]["attempts"], after["failover"]["statuses"]) == (
        {"after": "p95", "budget": "10%"}, 0, "500-599")  # fmt: skip
    page.getByText("are not saved").waitFor(state="detached")
    assert page.getByLabel("Default freshness").inputValue() == "10m"
    page.getByRole("button", name=re.compile("^Undo")).first().click()
    eventually(lambda: read(console, name)["cache"]["ttl_default"] == "0s", "it is taken back")
    now = read(console, name)
    assert {key: now[key] for key in now if key != "revision"} == {key: before[key] for key in before if key != "revision"}


def test_rules_for_header_fields(console):
    name = make(console, "fields.test")
    page = opened(console, name)
    where = "Responses to clients"
    for _ in range(3):
        page.getByRole("button", name=f"Add rule: {where}").click()
    page.getByLabel(f"Field of rule 1 ({where})").fill("X-A")
    page.getByLabel(f"Value of rule 1 ({where})").fill("b: c")
    # The second stays empty, and is none.
    page.getByLabel(f"What rule 3 does ({where})").selectOption("delete")
    page.getByLabel(f"Field of rule 3 ({where})").fill("Connection")
    page.getByRole("alert").filter(hasText="Connection").waitFor()
    assert page.getByLabel(f"Field of rule 3 ({where})").getAttribute("aria-invalid") == "true"
    assert page.getByLabel(f"Field of rule 1 ({where})").getAttribute("aria-invalid") is None
    assert page.getByRole("button", name="Review and save").isDisabled()
    assert not page.axe()
    page.getByLabel(f"Field of rule 3 ({where})").fill("Server")
    page.getByRole("button", name=f"Move rule 3 up ({where})").click()
    page.getByRole("button", name=f"Move rule 2 up ({where})").click()
    page.getByRole("button", name="Add rule: Requests to origins").click()
    page.getByLabel("Field of rule 1 (Requests to origins)").fill("X-Key")
    page.getByLabel("Value of rule 1 (Requests to origins)").fill("secret")
    save(page)
    assert read(console, name)["headers"] == {"to_client": ["delete Server", "set X-A: b: c"], "to_origin": ["set X-Key: secret"]}
    page.getByRole("button", name=f"Remove rule 1 ({where})").click()
    page.getByRole("button", name=f"Remove rule 1 ({where})").click()
    page.getByText("1 change is not saved").waitFor()
    page.getByRole("button", name="Discard").click()
    assert page.getByLabel(f"Field of rule 1 ({where})").inputValue() == "Server"


def test_what_breaks_a_rule_is_told_at_its_field(console):
    name = make(console, "wrong.test")
    page = opened(console, name)
    page.getByRole("switch", name="HSTS preload").click()
    page.getByText("goes with hsts_subdomains, and hsts of a year or more").waitFor()
    assert page.getByLabel("HSTS preload").getAttribute("aria-invalid") == "true"
    page.getByLabel("Default freshness").fill("soon")
    page.getByLabel("Attempts to get the rest").fill("99")
    page.getByText("Something that is typed cannot be used").waitFor()
    for label in ("Default freshness", "Attempts to get the rest"):
        page.locator(f'[aria-invalid="true"]').and_(page.getByLabel(label)).waitFor()
    assert page.getByRole("button", name="Review and save").isDisabled()
    # It is all there after a look at another page.
    page.getByRole("link", name="History").click()
    page.getByRole("link", name="Acceleration").click()
    assert page.getByLabel("Default freshness").inputValue() == "soon"
    page.getByText("3 changes are not saved").waitFor()
    page.getByRole("button", name="Discard").click()
    page.getByText("are not saved").waitFor(state="detached")
    assert read(console, name)["revision"] == 1 or read(console, name)["cache"]["ttl_default"] == "0s"


def test_two_people_change_the_same_domain(console):
    name = make(console, "both.test")
    page = opened(console, name)
    page.getByLabel("Default freshness").fill("1h")
    page.getByLabel("Largest object").fill("1g")
    console.api.ok("changeDomain", {"cache": {"object_max": "2g"}, "https": {"redirect": "301"}}, name=name,
                   fields={"If-Match": "*"})  # fmt: skip
    page.getByText("Somebody else has changed what you are changing").waitFor()
    page.getByText("It is 2g now.").waitFor()
    # What they alone have changed is there already.
    assert page.getByLabel("Send to HTTPS").inputValue() == "301"
    assert page.getByLabel("Default freshness").inputValue() == "1h"
    eventually(lambda: not page.axe(), "nothing is wrong once the buttons are what they become")
    page.getByRole("button", name="Take theirs").click()
    page.getByText("1 change is not saved").waitFor()
    save(page)
    now = read(console, name)
    assert (now["cache"]["ttl_default"], now["cache"]["object_max"], now["https"]["redirect"]) == ("3600s", "2g", "301")


def test_who_may_not_change_it_sees_it(console):
    name = make(console, "seen.test", https={"redirect": "302"})
    page = console.open(f"/domains/{name}/acceleration", session=console.plane.user("looker", role="viewer"))
    page.getByText("Your role (viewer) does not allow this").first().waitFor()
    assert page.getByLabel("Send to HTTPS").inputValue() == "302" and page.getByLabel("Send to HTTPS").isDisabled()
    assert page.getByRole("switch", name="Freshness by age").isDisabled()
    assert page.getByRole("button", name="Add rule: Responses to clients").isDisabled()


def test_a_refusal_is_told_in_the_language_of_the_page(console):
    name = make(console, "language.test")
    page = console.open(f"/domains/{name}/acceleration", language="zh-CN")
    page.getByLabel("默认缓存时间").fill("soon")
    page.getByLabel("最多尝试次数").fill("77")
    page.getByText("超出允许范围").waitFor()
    assert "（" in page.getByRole("alert").first().textContent()
    assert not page.axe()
    page.goto("/new-domain")
    page.locator("#name").fill(name)
    page.locator("#name").blur()
    page.getByText("已经存在").waitFor()
