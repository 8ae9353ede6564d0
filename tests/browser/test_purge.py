"""Purge: checked as it is typed, followed edge by edge, and kept in a list with who asked."""
import re

import control
import pytest
from conftest import Console, eventually
from origin import Reply

NAME = "www.purge.test"
OTHER = "img.purge.test"


@pytest.fixture(scope="module")
def shared(make_once, browser):
    """One whose edge keeps what an origin answers."""
    console = Console(make_once, browser, flags={"cache_memory": "64m"})
    console.origin = make_once.origin("kept")
    console.origin.default = Reply(fields=(("Cache-Control", "max-age=3600"), ("Cache-Tag", "all")), body=b"kept")
    for name in (NAME, OTHER):
        console.api.ok("createDomain", control.domain(name, console.origin.address))
    eventually(lambda: console.plane.program.get("/", host=NAME).status == 200, "the domain is served")
    return console


def pulls(console, path):
    """How often a path was pulled, after it was asked for once more."""
    assert console.plane.program.get(path, host=NAME).status == 200
    return sum(request.path == path for request in console.origin.requests)


def submit(page):
    return page.getByRole("region", name="New purge").getByRole("button", name="Purge", exact=True)


def test_urls_are_checked_purged_and_listed(console):
    assert pulls(console, "/a.css") == pulls(console, "/a.css") == 1
    page = console.open("/purge")
    page.getByText("Nothing was purged yet").or_(page.getByRole("columnheader", name="No.")).waitFor()
    values = page.getByLabel("URLs, one on each line")
    values.fill(f"http://{NAME}/a.css\n{NAME}/b\nhttp://{NAME}\nhttp://{NAME}/a.css")
    page.getByText("Line 2: It begins with http:// or https://.").waitFor()
    page.getByText("Line 3: It has no path").waitFor()
    assert submit(page).isDisabled()
    assert not page.axe()
    # What only the server knows stands at its line as well.
    values.fill(f"http://{NAME}/a.css\n\nhttp://absent.test/x")
    submit(page).click()
    page.getByText('Line 3: "http://absent.test/x" is of no domain here').waitFor()
    assert submit(page).isDisabled() and pulls(console, "/a.css") == 1
    values.fill(f"http://{NAME}/a.css\nhttp://{NAME}/b c")
    page.getByText("Line 2: Spaces").waitFor()
    values.fill(f"http://{NAME}/a.css")
    page.getByText(f"On all edges: http://{NAME}/a.css is forgotten.").waitFor()
    submit(page).click()
    progress = page.getByRole("region", name=re.compile("^Purge [0-9]+$"))
    progress.getByText("1 of 1 edges").waitFor()
    progress.getByText("Done", exact=True).waitFor()
    assert values.inputValue() == ""
    assert pulls(console, "/a.css") == 2
    row = page.getByRole("region", name="Purges so far").getByRole("row").nth(1)
    assert row.getByText("admin").count() == 1 and row.getByText(f"http://{NAME}/a.css").count() == 1
    assert not page.axe()


def test_a_whole_domain_is_asked_about_first_and_done_again_from_the_list(console):
    page = console.open("/purge")
    page.getByRole("radio", name=re.compile("^Domain")).check()
    box = page.getByRole("combobox", name="Domains")
    box.fill("purge.t")
    page.getByRole("option", name=OTHER).waitFor()
    assert not page.axe()
    box.press("ArrowDown")
    box.press("ArrowDown")
    box.press("Enter")
    page.getByRole("button", name=f"Remove {NAME}").waitFor()
    before = pulls(console, "/domain")
    submit(page).click()
    dialog = page.getByRole("dialog", name="Purge this?")
    dialog.getByText("make sure that it can carry them").waitFor()
    assert not page.axe()
    dialog.getByRole("button", name="Purge").click()
    page.getByRole("region", name=re.compile("^Purge [0-9]+$")).getByText("Done", exact=True).waitFor()
    assert pulls(console, "/domain") == before + 1
    page.getByRole("region", name="Purges so far").getByRole("button", name=re.compile("^Show purge")).first().click()
    drawer = page.getByRole("dialog")
    drawer.getByText("1 of 1 edges").waitFor()
    assert not page.axe()
    drawer.getByRole("button", name="Purge again").click()
    page.getByRole("button", name=f"Remove {NAME}").waitFor()
    assert page.getByRole("radio", name=re.compile("^Domain")).isChecked()


def test_tags_are_of_a_domain_and_a_soft_purge_says_so(console):
    page = console.open("/purge?what=tag&value=all")
    page.getByRole("combobox", name="Domain of the tags").fill("absent.test")
    page.getByRole("radio", name=re.compile("^Soft")).check()
    page.getByText("is made stale").waitFor()
    submit(page).click()
    page.getByText('"absent.test" is no domain here').waitFor()
    page.getByRole("combobox", name="Domain of the tags").fill(NAME)
    submit(page).click()
    page.getByRole("region", name=re.compile("^Purge [0-9]+$")).getByText("Done", exact=True).waitFor()
    made = console.api.ok("listPurges")["items"][0]["purge"]
    assert (made["what"], made["domain"], made["mode"]) == ("tag", NAME, "soft")


def test_a_viewer_is_told_why_not(console):
    page = console.open("/purge", session=console.plane.user("reader"))
    page.getByText("Your role (viewer) does not allow this; it takes operator.").first().waitFor()
    assert submit(page).getAttribute("aria-disabled") == "true"
    assert page.getByLabel("URLs, one on each line").isDisabled()
    assert not page.axe()
