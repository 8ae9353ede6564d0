"""Accounts and tokens by the command line."""
import json
import re

import control
import pytest
from commands import EXIT_ABSENT, EXIT_CONFLICT, EXIT_FAILED, EXIT_FORBIDDEN, EXIT_USAGE, Commands


@pytest.fixture(scope="module")
def plane(make_once):
    return control.Plane(make_once)


@pytest.fixture
def cli(make, plane):
    return Commands(make.inside("home"), "http://%s:%s" % plane.address,
                    plane.admin.fields["Authorization"].removeprefix("Bearer "))  # fmt: skip


def test_accounts_come_and_go(cli, plane):
    out = cli.ok("user", "add", "jane", "--role", "operator")
    password = re.search(r"^password .*: (\S+)$", out, flags=re.M)[1]
    assert out.startswith("jane is operator\n") and len(password) >= 12
    assert plane.login("jane", password)
    row = next(line.split() for line in cli.ok("user", "list").splitlines() if line.startswith("jane "))
    assert row[1] == "operator" and row[3:] == ["must", "be", "changed"]
    assert cli.ok("user", "set", "jane", "--role", "viewer") == "jane is changed\n"
    assert cli.run("user", "add", "jane").code == EXIT_CONFLICT
    assert cli.ok("user", "remove", "jane") == "jane is removed\n"
    assert cli.run("user", "remove", "jane").code == EXIT_ABSENT
    assert cli.run("user", "set", "jane", "--role", "admin").code == EXIT_ABSENT


def test_a_password_is_typed_not_an_argument(cli, plane):
    chosen = "a password that was chosen"
    out = cli.ok("user", "add", "joan", "--password", input=chosen + "\n")
    assert out == "joan is viewer\n" and plane.login("joan", chosen)
    done = cli.at_terminal("user", "set", "joan", "--password", answers=[
        ("password of the account: ", "another password\n"), ("once more: ", "another password\n")])  # fmt: skip
    assert done.code == 0 and "another password" not in done.out and plane.login("joan", "another password")
    assert cli.run("user", "set", "joan", "--password", input="").code == EXIT_USAGE
    assert cli.run("user", "set", "joan", "--password", "x", input="").code == EXIT_USAGE
    done = cli.run("user", "add", "jim", "--password", input="short\n")
    assert done.code == EXIT_FAILED and "/password" in done.errors and "short\n" not in done.errors


def test_the_last_admin_stays(cli):
    done = cli.run("user", "remove", "admin")
    assert done.code == EXIT_CONFLICT and "[last-admin]" in done.errors
    assert cli.run("user", "set", "admin", "--role", "viewer").code == EXIT_CONFLICT


def test_tokens_are_printed_alone_and_taken_back(cli, plane):
    done = cli.run("token", "add", "robot", "--role", "operator", "--expires", "1h")
    token = done.out.strip()
    assert re.fullmatch(r"hw.{44}", token) and "only now" in done.errors
    assert plane.bearer(token).ok("whoami")["role"] == "operator"
    row = next(line.split() for line in cli.ok("token", "list").splitlines() if line.endswith(" robot"))
    assert row[1:3] == ["admin", "operator"] and row[4] != "never"
    assert cli.ok("token", "remove", row[0]) == f"{row[0]} is removed\n"
    assert plane.bearer(token).send("GET", "/api/v1/whoami").status == 401
    assert cli.run("token", "remove", row[0]).code == EXIT_ABSENT
    made = json.loads(cli.ok("token", "add", "robot2", "--json"))
    assert made["label"] == "robot2" and made["token"] and made["role"] == "admin"


def test_a_viewer_has_only_its_own_tokens(make, cli, plane):
    plane.user("vera")
    token = cli.ok("token", "add", "hers", "--account", "vera").strip()
    vera = Commands(make.inside("home"), cli.environment["HEADWATER_API"], token)
    assert {line.split()[1] for line in vera.ok("token", "list").splitlines()[1:]} == {"vera"}
    assert vera.run("token", "list", "--account", "admin").code == EXIT_FORBIDDEN
    assert vera.run("token", "add", "x", "--account", "admin").code == EXIT_FORBIDDEN
    assert vera.run("user", "list").code == EXIT_FORBIDDEN


def test_names_are_escaped_in_paths(cli):
    for name in ("../users/admin", "a/b", "a?b", "a b"):
        assert cli.run("user", "remove", name).code in (EXIT_ABSENT, EXIT_FAILED), name
    assert any(line.startswith("admin ") for line in cli.ok("user", "list").splitlines())
