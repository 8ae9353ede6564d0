"""Signing in, the first change of a password, and a session that ends while somebody types."""
import control
import pytest
from conftest import BUILT, Console

NEW = "a long password of mine"


@pytest.fixture
def fresh(make, browser):
    """One that has never been signed in to."""
    console = Console(make, browser, signs_in=False)
    yield console
    troubles = console.close_pages()
    assert not troubles, troubles


def sign_in(page, account, password):
    page.getByLabel("Account", exact=True).fill(account)
    page.getByLabel("Password", exact=True).fill(password)
    page.getByRole("button", name="Sign in").click()


def test_the_first_one_signs_in_and_chooses_a_password(fresh):
    assert BUILT.exists()
    page = fresh.open("/domains", signs_in=False)
    sign_in(page, "admin", "not the password")
    page.getByText("The account or the password is wrong.").waitFor()
    assert not page.axe()
    page.getByLabel("Password", exact=True).fill(fresh.plane.first_password)
    page.keyboard.press("Enter")
    page.getByRole("heading", name="Choose a new password").waitFor()
    button = page.getByRole("button", name="Change password")
    page.getByLabel("New password", exact=True).fill("short")
    page.getByLabel("New password again").fill("shox")
    page.getByText("7 more characters are needed.").waitFor()
    page.getByText("The two are not the same.").waitFor()
    assert button.isDisabled()
    assert not page.axe()
    page.getByLabel("New password", exact=True).fill(NEW)
    page.getByLabel("New password again").fill(NEW)
    button.click()
    page.getByRole("heading", name="Domain Management").waitFor()
    # The page that was asked for, and signed in with the new password.
    assert page.url().endswith("/domains")
    page.getByRole("button", name="Account of admin").click()
    page.getByRole("menuitem", name="Sign out").click()
    sign_in(page, "admin", NEW)
    page.getByRole("heading", name="Domain Management").waitFor()


def test_nothing_typed_is_lost_when_the_session_ends(console):
    name = "expiry.test"
    console.api.ok("createDomain", control.domain(name, "192.0.2.1"))
    session = console.plane.user("erin", role="admin")
    page = console.open(f"/domains/{name}/basic", session=session)
    page.getByRole("button", name="Modify the master origin server").click()
    page.getByLabel("Address 1", exact=True).fill("192.0.2.99")
    page.getByRole("cell", name="192.0.2.99").waitFor()
    session.call("logout")
    page.getByRole("button", name="Submit").click()
    dialog = page.getByRole("dialog", name="Your session has ended")
    dialog.waitFor()
    assert not page.axe()
    dialog.getByLabel("Password", exact=True).fill("wrong password, this")
    dialog.getByRole("button", name="Sign in", exact=True).click()
    dialog.getByText("The account or the password is wrong.").waitFor()
    dialog.getByLabel("Password", exact=True).fill(control.PASSWORD)
    dialog.getByRole("button", name="Sign in", exact=True).click()
    # What was being sent is sent now.
    page.getByText(f"{name}: the master origin is modified").waitFor()
    assert console.api.ok("readOrigin", name=name)["addresses"] == ["192.0.2.99"]


def test_the_language_and_the_theme_are_kept(console):
    page = console.open("/domains")
    page.getByRole("button", name="简体中文").click()
    page.getByRole("heading", name="域名管理").waitFor()
    page.getByRole("button", name="主题").click()
    assert page.locator("html").getAttribute("theme-mode") == "dark"
    page.reload()
    page.getByRole("heading", name="域名管理").waitFor()
    assert page.locator("html").getAttribute("theme-mode") == "dark"
    assert page.locator("html").getAttribute("lang") == "zh-CN"
