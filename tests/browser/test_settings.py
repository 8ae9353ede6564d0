"""Settings: one's own account and looks, users, tokens, certificates, what is set at run time, and the server."""
import pathlib
import re

import control
import pytest
from certificates import Authority
from conftest import eventually

PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----\n.*?-----END \1-----\n", re.S)


@pytest.fixture(scope="module")
def authority(make_once):
    return Authority(make_once.inside("authority"))


def pair(authority, *names, **options):
    """(certificate, key) as texts."""
    whole = [match[0] for match in PEM.finditer(pathlib.Path(authority.issue(*names, **options)).read_text())]
    return next(one for one in whole if "PRIVATE" not in one), next(one for one in whole if "PRIVATE" in one)


def test_looks_are_kept(console):
    page = console.open("/settings")
    page.getByRole("radio", name=re.compile("^Dark")).check()
    page.getByRole("radio", name="简体中文").check()
    page.getByRole("heading", name="设置").waitFor()
    assert not page.axe()
    page.reload()
    page.getByRole("heading", name="设置").waitFor()
    assert page.evaluate("[document.documentElement.getAttribute('theme-mode'), document.documentElement.lang]") == ["dark", "zh-CN"]
    assert page.getByRole("radio", name=re.compile("^深色")).isChecked()


def test_ones_own_password_is_changed_and_the_session_goes_on(console):
    session = console.plane.user("changer", "operator")
    page = console.open("/settings/general", session=session)
    page.getByLabel("Current password").fill("not this one, surely")
    page.getByLabel("New password", exact=True).fill("another that is long")
    page.getByLabel("New password again").fill("another that is long")
    page.getByRole("button", name="Change your password").click()
    page.getByText("The current password is not this one.").waitFor()
    page.getByLabel("Current password").fill(control.PASSWORD)
    assert not page.axe()
    page.getByRole("button", name="Change your password").click()
    page.getByText("The password is changed.").waitFor()
    assert session.call("whoami").status == 401
    assert console.plane.login("changer", "another that is long").ok("whoami")["role"] == "operator"
    page.goto("/settings/tokens")
    page.getByRole("button", name="Make token").waitFor()


def test_users_are_added_changed_and_deleted(console):
    page = console.open("/settings/users")
    page.getByRole("button", name="Add user").click()
    dialog = page.getByRole("dialog")
    dialog.getByLabel("Account name").fill("carol smith")
    dialog.getByText("It begins with a letter or a digit").waitFor()
    assert dialog.getByRole("button", name="Add user").isDisabled()
    dialog.getByLabel("Account name").fill("admin")
    dialog.getByText("There is an account of this name.").waitFor()
    dialog.getByLabel("Account name").fill("carol")
    assert not page.axe()
    dialog.getByRole("button", name="Add user").click()
    page.getByRole("dialog", name="carol may sign in").waitFor()
    password = page.locator(".hw-secret__value").textContent()
    assert not page.axe()
    page.getByRole("button", name="I have it").click()
    assert console.plane.login("carol", password).ok("whoami")["must_change"]
    row = page.getByRole("row").filter(has=page.getByRole("rowheader", name="carol"))
    row.getByText("must change the password").waitFor()

    row.getByRole("button", name="Actions for carol").click()
    page.getByRole("menuitem", name="Change role").click()
    page.getByRole("dialog").getByRole("radio", name=re.compile("^operator")).check()
    page.getByRole("dialog").getByRole("button", name="Save").click()
    row.getByText("operator", exact=True).waitFor()

    row.getByRole("button", name="Actions for carol").click()
    page.getByRole("menuitem", name="Reset password").click()
    page.getByRole("dialog").getByRole("button", name="Reset password").click()
    other = page.locator(".hw-secret__value").textContent()
    page.getByRole("button", name="I have it").click()
    assert console.plane.login("carol", other).ok("whoami")["role"] == "operator" and other != password

    row.getByRole("button", name="Actions for carol").click()
    page.getByRole("menuitem", name="Delete user").click()
    page.getByRole("dialog").getByRole("button", name="Delete user").click()
    page.getByText("The account carol is deleted.").waitFor()
    eventually(lambda: row.count() == 0, "carol is gone")
    assert "carol" not in [user["name"] for user in console.api.ok("listUsers")["items"]]
    assert not page.axe()


def test_nobody_locks_themselves_out(console):
    page = console.open("/settings/users")
    page.getByRole("button", name="Actions for admin").click()
    for item in ("Change role", "Reset password", "Delete user"):
        assert page.getByRole("menuitem", name=item).getAttribute("aria-disabled") == "true"
    page.getByText("Not your own: another admin can").waitFor()
    page.getByRole("menuitem", name="Delete user").click(force=True)
    assert page.getByRole("dialog").count() == 0
    other = console.open("/settings/users", session=console.plane.user("looker", "operator"))
    other.getByText("Your role (operator) does not allow this; it takes admin.").waitFor()
    assert not other.axe()


def test_a_token_is_shown_once_and_taken_back(console):
    page = console.open("/settings/tokens")
    page.getByRole("button", name="Make token").click()
    dialog = page.getByRole("dialog")
    dialog.getByLabel("What for").fill("ci pipeline")
    dialog.getByText("It begins with a letter or a digit").waitFor()
    dialog.getByLabel("What for").fill("pipeline")
    dialog.getByRole("radio", name=re.compile("^operator")).check()
    dialog.getByLabel("Expires").selectOption("days7")
    assert not page.axe()
    dialog.getByRole("button", name="Make token").click()
    page.getByText("This token is shown now and never again").waitFor()
    token = console.plane.bearer(page.locator(".hw-secret__value").textContent())
    assert not page.axe()
    told = token.ok("whoami")
    assert (told["account"], told["role"], told["label"]) == ("admin", "operator", "pipeline") and told["expires_ms"] > 0
    page.getByRole("button", name="I have it").click()
    assert page.locator(".hw-secret__value").count() == 0
    page.getByRole("button", name="Take back: the token pipeline").click()
    page.getByRole("dialog").getByRole("button", name="Take back").click()
    page.getByText("The token pipeline is taken back.").waitFor()
    assert token.call("whoami").status == 401
    assert not page.axe()


def value(console, name):
    return next(one for one in console.api.ok("readSettings")["items"] if one["name"] == name)


def test_settings_are_changed_with_what_changes_and_nothing_is_lost(console):
    page = console.open("/settings/runtime")
    days = page.getByLabel("Keep statistics for")
    days.fill("900")
    page.getByText("It is 1 to 366.").waitFor()
    assert page.getByRole("button", name="Review and save").isDisabled()
    days.fill("90")
    page.getByLabel("A session lasts").fill("60")
    page.getByText("2 changes are not saved").waitFor()
    assert not page.axe()
    page.getByRole("button", name="Review and save").click()
    dialog = page.getByRole("dialog")
    dialog.getByRole("row", name="stats_days default 90").waitFor()
    dialog.getByRole("row", name="session_minutes default 60").waitFor()
    # Somebody else was first.
    console.api.ok("changeSettings", {"purge_days": 8})
    dialog.getByRole("button", name="Save").click()
    dialog.getByText("It was changed in the meantime").waitFor()
    assert value(console, "stats_days")["value"] == 30
    eventually(lambda: page.getByLabel("Keep purges for").inputValue() == "8", "what the other has set")
    assert days.inputValue() == "90"
    dialog.getByRole("button", name="Save").click()
    page.getByText("The settings are changed.").waitFor()
    assert value(console, "stats_days")["value"] == 90 and value(console, "session_minutes")["value"] == 60
    page.getByRole("button", name="Put the default back (30)").click()
    page.getByRole("button", name="Review and save").click()
    page.getByRole("dialog").getByRole("button", name="Save").click()
    eventually(lambda: value(console, "stats_days")["from"] == "default", "the default")
    reader = console.open("/settings/runtime", session=console.plane.user("settled", "viewer"))
    reader.getByText("Your role (viewer) does not allow this; it takes admin.").waitFor()
    assert reader.getByLabel("Keep purges for").isDisabled()


def test_certificates_are_looked_at_before_they_count(console, authority):
    certificate, key = pair(authority, "shop.cert.test", "*.shop.cert.test", days=60)
    other, other_key = pair(authority, "shop.cert.test", label="soon", days=5)
    page = console.open("/settings/certificates")
    page.getByText("There are no certificates here").waitFor()
    page.getByRole("button", name="Upload certificate").click()
    drawer = page.getByRole("dialog", name="Upload certificate")
    upload = drawer.getByRole("button", name="Upload", exact=True)
    drawer.getByLabel("Name").fill("shop")
    drawer.getByLabel("Certificate and chain (PEM)").fill("nothing of the kind")
    drawer.getByText("It has no -----BEGIN CERTIFICATE-----.").waitFor()
    drawer.getByLabel("Certificate and chain (PEM)").fill(certificate)
    drawer.getByLabel("Private key (PEM)").fill(other_key)
    drawer.getByText("is not the key of the certificate").waitFor()
    assert upload.isDisabled()
    assert not page.axe()
    # One text with both comes apart.
    drawer.getByLabel("Certificate and chain (PEM)").fill(key + certificate)
    drawer.getByText("it is in its field now").waitFor()
    drawer.getByText("shop.cert.test, *.shop.cert.test").waitFor()
    assert not page.axe()
    upload.click()
    page.getByText("The certificate shop is there.").waitFor()
    row = page.getByRole("row").filter(has=page.getByRole("rowheader", name="shop"))
    row.getByText("1 of 1 show it").waitFor()
    row.getByText(re.compile("59 days left|60 days left")).waitFor()

    row.getByRole("button", name="Actions for shop").click()
    page.getByRole("menuitem", name="Replace").click()
    drawer = page.getByRole("dialog", name="Replace shop")
    drawer.getByLabel("Certificate and chain (PEM)").fill(certificate)
    drawer.getByLabel("Private key (PEM)").fill(key)
    drawer.getByText("It is the one that is there already.").waitFor()
    drawer.getByLabel("Certificate and chain (PEM)").fill(other)
    drawer.getByLabel("Private key (PEM)").fill(other_key)
    drawer.getByText("What is in it").waitFor()
    drawer.getByRole("button", name="Replace").click()
    page.getByText("Renew before clients are refused").waitFor()
    row.getByRole("button", name="shop", exact=True).click()
    page.getByRole("dialog", name="shop").getByText("-----BEGIN CERTIFICATE-----").waitFor()
    assert not page.axe()
    page.getByRole("dialog").getByRole("button", name="Close").last().click()

    row.getByRole("button", name="Actions for shop").click()
    page.getByRole("menuitem", name="Delete").click()
    page.getByRole("dialog", name="Delete shop?").getByRole("button", name="Delete").click()
    page.getByText("The certificate shop is deleted.").waitFor()
    page.getByText("There are no certificates here").waitFor()
    assert console.api.ok("listCertificates")["items"] == []


def test_the_server_tells_of_itself_and_its_edges(console):
    console.api.ok("createDomain", control.domain("told.test"))
    page = console.open("/settings/server", width=390, height=844)
    page.getByRole("region", name="Control plane").getByText(console.api.ok("status")["version"]).waitFor()
    edges = page.getByRole("region", name="Edges")
    edges.getByText("1 connected").waitFor()
    edges.getByText("up to date").first().waitFor()
    assert not page.axe()
