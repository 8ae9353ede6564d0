"""Settings of the control plane by the command line."""
import json

import control
import pytest
from commands import EXIT_CONFLICT, EXIT_FAILED, EXIT_FORBIDDEN, EXIT_USAGE, Commands
from control import domain


def commands(make, plane, role="admin"):
    token = getattr(plane, role).fields["Authorization"].removeprefix("Bearer ")
    return Commands(make.inside("home-" + role), "http://%s:%s" % plane.address, token)


@pytest.fixture
def plane(make):
    return control.Plane(make)


@pytest.fixture
def cli(make, plane):
    return commands(make, plane)


def rows(out):
    return {line.split()[0]: line.split()[1:] for line in out.splitlines()}


def test_settings_are_shown_with_and_without_a_second_word(cli):
    out = cli.ok("settings")
    assert out == cli.ok("settings", "show")
    found = rows(out)
    assert found["SETTING"] == ["VALUE", "DEFAULT", "FROM"]
    assert found["origin_rules"] == ["classic", "classic", "process"]
    assert found["stats_days"] == ["30", "30", "default"]
    assert found["revision:"] == ["0"]
    assert json.loads(cli.ok("settings", "--json"))["items"][0]["name"] == "origin_rules"
    # A group's help is of all of it.
    assert "settings rollback" in cli.ok("settings", "--help")


def test_settings_are_set_and_put_back(cli, plane):
    out = cli.ok("settings", "set", "stats_days=90", "origin_rules=extended")
    assert out == "the settings are at revision 1\n"
    found = rows(cli.ok("settings"))
    assert found["stats_days"] == ["90", "30", "store"] and found["origin_rules"] == ["extended", "classic", "store"]
    out = cli.ok("settings", "set", "stats_days=", "--default", "origin_rules", "--dry-run")
    assert out == "~ settings changed\n    origin_rules: extended -> default\n    stats_days: 90 -> default\n"
    assert rows(cli.ok("settings"))["revision:"] == ["1"]
    assert cli.ok("settings", "set", "stats_days=90", "--dry-run") == "nothing would change\n"
    cli.ok("settings", "set", "stats_days=", "--default", "origin_rules", "--default=purge_days")
    assert rows(cli.ok("settings"))["stats_days"] == ["30", "30", "default"]
    made = json.loads(cli.ok("settings", "set", "purge_days=1", "--json"))
    assert made["revision"] == 3
    assert cli.ok("settings", "rollback", "1", "--dry-run").startswith("~ settings changed\n    origin_rules: default -> extended\n")
    assert cli.ok("settings", "rollback", "1") == "the settings are at revision 4\n"
    assert rows(cli.ok("settings"))["stats_days"] == ["90", "30", "store"]
    out = cli.ok("history", "--limit", "1").splitlines()
    assert out[0].startswith("4  ") and out[0].endswith("Z  settings  admin/test-admin: settings.rollback")
    assert out[1:4] == ["    origin_rules: default -> extended", "    stats_days: default -> 90", "    purge_days: 1 -> default"]


def test_what_is_refused_is_told_with_its_place(cli):
    for words, told in {
        ("stats_days=0",): "/stats_days: is not a whole number in 1-366 [range]",
        ("stats_days=many",): "/stats_days: must be a number [type]",
        ("stats_days=007",): "/stats_days: must be a number [type]",
        ("origin_rules=strict",): "/origin_rules: is not one of classic|extended [value]",
        ("stat_days=1",): "/stat_days: is no setting; did you mean stats_days? [unknown-field]",
        ("--default", "xyzzy"): "/xyzzy: is no setting [unknown-field]",
    }.items():  # fmt: skip
        done = cli.run("settings", "set", *words)
        assert done.code == EXIT_FAILED and told in done.errors, done
    for words in ((), ("stats_days",), ("=1",), ("--dry-run",), ("stats_days=1", "--prune"), ("stats_days=1", "stats_days=2"),
                  ("stats_days=1", "--default", "stats_days"), ("--default", "stats_days", "--default", "stats_days")):  # fmt: skip
        assert cli.run("settings", "set", *words).code == EXIT_USAGE, words
    assert cli.run("settings", "rollback").code == EXIT_USAGE
    assert cli.run("settings", "rollback", "x").code == EXIT_USAGE
    assert cli.run("settings", "shw").code == EXIT_USAGE


def test_who_may(make, plane):
    cli = commands(make, plane, "operator")
    assert rows(cli.ok("settings"))["revision:"] == ["0"]
    assert cli.run("settings", "set", "stats_days=1").code == EXIT_FORBIDDEN
    assert cli.run("settings", "rollback", "1").code == EXIT_FORBIDDEN


def test_a_file_has_the_rules_of_the_process(make):
    plane = control.Plane(make, "serve", domains=[domain("file.test")], log=False)
    cli = commands(make, plane)
    done = cli.run("settings", "set", "origin_rules=extended")
    assert done.code == EXIT_CONFLICT and "[managed-by-file]" in done.errors and "domains.json" in done.errors
    assert cli.ok("settings", "set", "stats_days=90") == "the settings are at revision 1\n"
