"""`headwater apply`: what differs is shown and agreed to, all of it is made or nothing, and the edges have it at the end."""
import json

import control
import pytest
from commands import EXIT_DONE, EXIT_FAILED, EXIT_FORBIDDEN, EXIT_USAGE, Commands

FIRST = """domains:
- name: one.test
  origin: {addresses: [192.0.2.1]}
- name: two.test
  origin: {addresses: [192.0.2.2]}
  debug: on
"""
SECOND = """domains:
- name: one.test
  origin: {addresses: [192.0.2.1, 192.0.2.11]}
- name: three.test
  origin: {addresses: [192.0.2.3]}
"""


@pytest.fixture(scope="module")
def plane(make_once):
    """With an edge."""
    return control.Plane(make_once, "serve")


@pytest.fixture
def cli(make, plane):
    cli = Commands(make.inside("home"), "http://%s:%s" % plane.address,
                   plane.admin.fields["Authorization"].removeprefix("Bearer "))  # fmt: skip
    path = make.inside("files") / "empty.yaml"
    path.write_text("domains: []\n")
    cli.ok("apply", "-f", path, "--prune", "--yes")
    return cli


@pytest.fixture
def files(make):
    folder = make.inside("files")
    (folder / "first.yaml").write_text(FIRST)
    (folder / "second.yaml").write_text(SECOND)
    return folder


def names(plane):
    return [item["name"] for item in plane.viewer.ok("listDomains")["items"]]


def test_a_file_is_applied_and_live(cli, plane, files):
    done = cli.run("apply", "-f", files / "first.yaml", "--yes")
    assert done.code == EXIT_DONE and "edges that have it: 1 of 1" in done.errors, done
    assert [line for line in done.out.splitlines() if line[0] != " "] == ["+ one.test created", "+ two.test created"]
    assert "    origin.addresses: none -> 192.0.2.1" in done.out.splitlines()
    edges = json.loads(cli.ok("edges", "--json"))
    assert [edge["applied"] for edge in edges["items"]] == [edges["revision"]]
    done = cli.run("apply", "-f", files / "second.yaml", "--yes")
    assert done.code == EXIT_DONE and names(plane) == ["one.test", "three.test", "two.test"]
    assert "    origin.addresses: 192.0.2.1 -> 192.0.2.1, 192.0.2.11" in done.out.splitlines()
    done = cli.run("apply", "-f", files / "second.yaml", "--yes", "--prune")
    assert done.out.splitlines()[0] == "- two.test removed" and names(plane) == ["one.test", "three.test"]
    assert cli.run("apply", "-f", "-", "--yes", "--prune", input=SECOND).errors == "headwater apply: nothing differs\n"


def test_it_asks_at_a_terminal(cli, plane, files):
    words = ["apply", "-f", files / "first.yaml"]
    for answer, code in (("n\n", EXIT_FAILED), ("\n", EXIT_FAILED), ("yikes\n", EXIT_FAILED)):
        done = cli.at_terminal(*words, answers=[("Apply this? [y/N] ", answer)])
        assert done.code == code and "nothing was changed" in done.out and names(plane) == []
    done = cli.at_terminal(*words, answers=[("Apply this? [y/N] ", "y\n")])
    assert done.code == EXIT_DONE and names(plane) == ["one.test", "two.test"]
    assert "\x1b[32m+ one.test created\x1b[0m" in done.out and "edges that have it: 1 of 1" in done.out
    assert "\x1b[32m" not in cli.at_terminal(*words, "--dry-run", NO_COLOR="1").out


def test_without_anybody_to_ask_it_wants_a_yes(cli, plane, files):
    for flags in ((), ("--json",)):
        done = cli.run("apply", "-f", files / "first.yaml", *flags)
        assert done.code == EXIT_USAGE and "--yes" in done.errors and done.out == ""
    assert names(plane) == []


def test_a_dry_run_shows_and_changes_nothing(cli, plane, files):
    out = cli.ok("apply", "-f", files / "first.yaml", "--dry-run")
    assert "+ two.test created" in out.splitlines() and names(plane) == []
    made = json.loads(cli.ok("apply", "-f", files / "first.yaml", "--dry-run", "--json"))
    assert made["dry_run"] is True and [change["name"] for change in made["changes"]] == ["one.test", "two.test"]
    made = json.loads(cli.ok("apply", "-f", files / "first.yaml", "--yes", "--json"))
    assert [change["what"] for change in made["changes"]] == ["created", "created"] and made["revision"] > 0
    for flags in ((), ("--dry-run",)):
        made = json.loads(cli.ok("apply", "-f", files / "first.yaml", "--yes", "--json", *flags))
        assert made["changes"] == [] and made["revision"] > 0, made


@pytest.mark.parametrize("text, place, rule", [
    ("domains:\n- name: a.test\n  origin:\n    addresses: [192.0.2.1]\n    colour: red\n", ":5: /domains/0/origin/colour: ",
     "unknown-field"),
    ("domains:\n- {name: a.test, origin: {addresses: [192.0.2.1]}}\n- name: b.test\n  origin: {addresses: [\"b:0\"]}\n",
     ":4: /domains/1/origin/addresses/0: ", "range"),
    ("domains:\n- name: a.test\n  origin: {addresses: [192.0.2.1], protocol: https}\n  backup: {addresses: [192.0.2.2]}\n",
     ":3: /domains/0/origin/protocol: ", "R2"),
    ("domains: [}\n", ":1: ", "syntax"),
])  # fmt: skip
def test_what_is_wrong_is_told_by_line_as_check_tells_it(cli, plane, files, text, place, rule):
    import program

    path = files / "bad.yaml"
    path.write_text(text)
    done = cli.run("apply", "-f", path, "--yes")
    assert done.code == EXIT_FAILED and names(plane) == [], done
    told = [line for line in done.errors.splitlines() if f"{path}{place}" in line or (place == ":1: " and str(path) in line)]
    assert told and told[0].endswith(f"[{rule}]"), done
    _, _, errors = program.run("check", path)
    words = told[0].rpartition(": ")[2]
    assert words in errors, (told, errors)


def test_who_may_not_is_told(make, cli, plane, files):
    viewer = Commands(make.inside("home"), cli.environment["HEADWATER_API"],
                      plane.viewer.fields["Authorization"].removeprefix("Bearer "))  # fmt: skip
    done = viewer.run("apply", "-f", files / "first.yaml", "--yes")
    assert done.code == EXIT_FORBIDDEN and names(plane) == []


def test_a_domain_is_live_as_it_is_typed(make, cli, plane):
    from origin import Reply

    origins = [make.origin(name) for name in ("one", "two")]
    for origin in origins:
        origin.default = Reply(body=origin.name.encode())
    cli.ok("domain", "create", "live.test", "--origin", origins[0].address, "--backup", origins[1].address, "cache.mode=off")
    path = make.inside("wait") / "export.yaml"

    def served():
        path.write_text(cli.ok("export"))
        assert cli.run("edges").code == EXIT_DONE
        return plane.program.get("/", host="live.test").body

    from caching import wait_until

    wait_until(lambda: served() == b"one", "the master serves", 10)
    cli.ok("switch", "live.test")
    wait_until(lambda: served() == b"two", "the backup serves", 10)
