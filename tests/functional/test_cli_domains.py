"""Domains by the command line, at a real control plane: what is typed is what is so, and no edit is lost."""
import json
import re

import control
import pytest
from commands import EXIT_ABSENT, EXIT_CONFLICT, EXIT_FAILED, EXIT_FORBIDDEN, EXIT_USAGE, Commands, revision_of


@pytest.fixture(scope="module")
def plane(make_once):
    return control.Plane(make_once)


@pytest.fixture
def cli(make, plane):
    """An admin's command line."""
    return as_role(make, plane, "admin")


def as_role(make, plane, role):
    host, port = plane.address
    token = getattr(plane, role).fields["Authorization"].removeprefix("Bearer ")
    return Commands(make.inside("home"), f"http://{host}:{port}", token)


def test_a_domain_lives_and_dies(cli, plane):
    out = cli.ok("domain", "create", "Live.test", "--origin", "192.0.2.1:80:2", "--origin", "b.example", "--backup",
                 "192.0.2.9", "origin.connect_timeout=3s", "debug=on")  # fmt: skip
    first = revision_of(out)
    assert out == f"live.test is at revision {first}\n"
    now = plane.viewer.ok("readDomain", name="live.test")
    assert now["origin"]["addresses"] == ["192.0.2.1:80:2", "b.example"] and now["backup"]["addresses"] == ["192.0.2.9"]
    assert now["origin"]["connect_timeout"] == "3s" and now["debug"] is True and now["revision"] == first
    assert cli.ok("domain", "show", "live.test").splitlines() == [
        "name: live.test", "status: online", f"revision: {first}", "debug: on", "origin.type: self",
        "origin.addresses: 192.0.2.1:80:2, b.example", "origin.connect_timeout: 3s", "backup.addresses: 192.0.2.9"]  # fmt: skip
    assert json.loads(cli.ok("domain", "show", "live.test", "--json")) == now
    assert "cache.ttl_default: 0s" in cli.ok("domain", "show", "live.test", "--all").splitlines()
    assert revision_of(cli.ok("domain", "stop", "live.test")) == first + 1
    assert plane.viewer.ok("readDomain", name="live.test")["status"] == "offline"
    assert revision_of(cli.ok("domain", "start", "live.test")) == first + 2
    assert cli.ok("domain", "delete", "live.test") == "live.test is deleted\n"
    assert cli.run("domain", "show", "live.test").code == EXIT_ABSENT


def test_fields_are_set_and_taken_away(cli, plane):
    cli.ok("domain", "create", "fields.test", "--origin", "192.0.2.1")
    cli.ok("domain", "set", "fields.test", "origin.host=a.example", "cache.ttl_statuses=404:10s,403:1s", "stale.wait_ms=7",
           "failover.statuses=500-599", "cache.mode=off", "origin.probe.path=/p", "origin.probe.rise=5")  # fmt: skip
    now = plane.viewer.ok("readDomain", name="fields.test")
    assert now["origin"]["host"] == "a.example" and now["cache"]["ttl_statuses"] == ["404:10s", "403:1s"]
    assert now["stale"]["wait_ms"] == 7 and now["cache"]["mode"] == "off" and now["origin"]["probe"]["rise"] == 5
    cli.ok("domain", "set", "fields.test", "origin.host=", "stale=", "origin.probe=")
    now = plane.viewer.ok("readDomain", name="fields.test")
    assert now["origin"]["host"] is None and now["stale"]["wait_ms"] == 1000
    assert now["origin"]["probe"]["path"] is None and now["origin"]["probe"]["rise"] == 2


def test_origins_are_set_by_address_and_field(cli, plane):
    cli.ok("domain", "create", "origins.test", "--origin", "192.0.2.1")
    cli.ok("origin", "set", "origins.test", "192.0.2.2", "192.0.2.3:81", "connect_timeout=2s", "origin.policy=hash")
    now = plane.viewer.ok("readDomain", name="origins.test")["origin"]
    assert (now["addresses"], now["connect_timeout"], now["policy"]) == (["192.0.2.2", "192.0.2.3:81"], "2s", "hash")
    added = revision_of(cli.ok("backup", "set", "origins.test", "192.0.2.9", "latch=manual"))
    changed = revision_of(cli.ok("backup", "set", "origins.test", "head_timeout=3s"))
    assert changed == added + 1
    now = plane.viewer.ok("readDomain", name="origins.test")["backup"]
    assert (now["addresses"], now["latch"], now["head_timeout"]) == (["192.0.2.9"], "manual", "3s")
    assert revision_of(cli.ok("switch", "origins.test")) == changed + 1
    assert plane.viewer.ok("readDomain", name="origins.test")["origin"]["addresses"] == ["192.0.2.9"]
    assert revision_of(cli.ok("backup", "remove", "origins.test")) == changed + 2
    done = cli.run("backup", "remove", "origins.test")
    assert done.code == EXIT_ABSENT and "[no-backup]" in done.errors
    assert cli.run("switch", "origins.test").code == EXIT_CONFLICT
    actions = [item["action"] for item in plane.viewer.ok("readDomainHistory", name="origins.test")["items"]]
    assert len(set(actions)) >= 4, actions  # adding, changing and removing a backup are actions of their own


# What is typed, and the rule and field that it breaks.
RULES = {
    "R1, a bucket as backup": (["backup", "set", "rules.test", "type=cos", "bucket.endpoint=b.example", "addresses="], "R1"),
    "R1, a bucket as master": (["origin", "set", "rules.test", "type=cos", "bucket.endpoint=b.example", "addresses="], "R1"),
    "R2, by the protocol of the master": (["origin", "set", "rules.test", "protocol=https"], "R2"),
    "R2, by the protocol of the backup": (["backup", "set", "rules.test", "protocol=follow"], "R2"),
    "R2, by any field": (["domain", "set", "rules.test", "origin.protocol=https"], "R2"),
}


@pytest.mark.parametrize("name", RULES)
def test_rules_are_told_as_check_tells_them(make, cli, plane, name):
    import program

    words, rule = RULES[name]
    if plane.viewer.call("readDomain", name="rules.test").status == 404:
        cli.ok("domain", "create", "rules.test", "--origin", "192.0.2.1", "--backup", "192.0.2.9")
    before = plane.viewer.ok("readDomain", name="rules.test")
    done = cli.run(*words)
    assert done.code == EXIT_FAILED and "[invalid]" in done.errors.splitlines()[0], done
    told = [line for line in done.errors.splitlines()[1:] if line.endswith(f"[{rule}]")]
    assert told and re.match(r"/[a-z/0-9]*: ", told[0]), done
    assert plane.viewer.ok("readDomain", name="rules.test") == before
    assert cli.run(*words, "--dry-run").errors == done.errors
    # The same words as for a file that asks for it.
    if words[0] != "domain":
        fields = dict(word.split("=") for word in words[3:])
        origin = {"addresses": ["192.0.2.1"]}
        for field, value in fields.items():
            group, _, key = field.rpartition(".")
            (origin.setdefault(group, {}) if group else origin).update({key: value or []})
        entry = {"name": "rules.test", "origin": {"addresses": ["192.0.2.1"]}, "backup": {"addresses": ["192.0.2.9"]}}
        path = make.inside("check") / "domains.json"
        path.write_text(json.dumps({"domains": [{**entry, words[0]: origin}]}))
        _, _, errors = program.run("check", path)
        sentence = told[0].partition(": ")[2]
        assert sentence in errors, (sentence, errors)


def test_no_edit_is_lost(cli, plane):
    first = revision_of(cli.ok("domain", "create", "edits.test", "--origin", "192.0.2.1"))
    cli.ok("domain", "set", "edits.test", "debug=on")
    for words in (["domain", "set", "edits.test", "debug=off"], ["domain", "delete", "edits.test"],
                  ["origin", "set", "edits.test", "192.0.2.7"], ["domain", "stop", "edits.test"]):  # fmt: skip
        done = cli.run(*words, "--revision", first)
        assert done.code == EXIT_CONFLICT and "[precondition-failed]" in done.errors, done
        assert "    debug: off -> on" in done.errors.splitlines(), done
    assert plane.viewer.ok("readDomain", name="edits.test")["debug"] is True
    assert revision_of(cli.ok("domain", "set", "edits.test", "debug=off", "--revision", first + 1)) == first + 2


def test_dry_runs_show_and_change_nothing(cli, plane):
    cli.ok("domain", "create", "dry.test", "--origin", "192.0.2.1", "--backup", "192.0.2.9")
    before = plane.viewer.ok("readDomain", name="dry.test")
    revision = before["revision"]
    for words, line in (
        (["domain", "set", "dry.test", "debug=on"], "    debug: off -> on"),
        (["domain", "delete", "dry.test"], "- dry.test removed"),
        (["domain", "stop", "dry.test"], "    status: online -> offline"),
        (["origin", "set", "dry.test", "host=a"], "    origin.host: none -> a"),
        (["backup", "set", "dry.test", "host=a"], "    backup.host: none -> a"),
        (["backup", "remove", "dry.test"], "    backup.addresses: 192.0.2.9 -> none"),
        (["switch", "dry.test"], "    origin.addresses: 192.0.2.1 -> 192.0.2.9"),
        (["domain", "create", "new.test", "--origin", "192.0.2.1"], "+ new.test created"),
        (["domain", "set", "dry.test", "debug=off"], "nothing would change"),
        (["rollback", "dry.test", revision], "nothing would change"),
    ):  # fmt: skip
        out = cli.ok(*words, "--dry-run")
        assert line in out.splitlines(), (words, out)
        assert json.loads(cli.ok(*words, "--dry-run", "--json"))["dry_run"] is True
    assert plane.viewer.ok("readDomain", name="dry.test") == before
    assert cli.run("domain", "show", "new.test").code == EXIT_ABSENT
    coloured = cli.at_terminal("domain", "set", "dry.test", "debug=on", "--dry-run").out
    assert "\x1b[31moff\x1b[0m -> \x1b[32mon\x1b[0m" in coloured
    for plain in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in cli.at_terminal("domain", "set", "dry.test", "debug=on", "--dry-run", **plain).out


def test_the_past_is_shown_and_brought_back(cli, plane):
    cli.ok("domain", "create", "before.past.test", "--origin", "192.0.2.1")
    first = revision_of(cli.ok("domain", "create", "past.test", "--origin", "192.0.2.1"))
    cli.ok("domain", "set", "past.test", "origin.host=a.example")
    cli.ok("domain", "delete", "past.test")
    lines = cli.ok("history", "past.test").splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    assert [int(line.split()[0]) for line in heads] == [first + 2, first + 1, first]
    assert heads[0].endswith("removed") and heads[2].endswith("created") and "past.test" in heads[1]
    assert "    origin.host: none -> a.example" in lines
    assert heads[1].split()[1].endswith("Z") and "admin" in heads[1]
    assert cli.ok("history", "--limit", "1").splitlines()[-1].startswith("and more: --before ")
    assert cli.ok("history", "--limit", "1").startswith(heads[0])
    assert revision_of(cli.ok("rollback", "past.test", first + 1)) == first + 3
    assert plane.viewer.ok("readDomain", name="past.test")["origin"]["host"] == "a.example"
    assert cli.run("rollback", "past.test", first - 1).code == EXIT_ABSENT
    assert cli.run("history", "never.test").code in (0, EXIT_ABSENT)


def test_lists_are_filtered_and_paged(cli):
    for name in ("a", "b", "c"):
        cli.ok("domain", "create", f"{name}.list.test", "--origin", "192.0.2.1", *(["--backup", "192.0.2.9"] * (name == "b")))
    cli.ok("domain", "stop", "c.list.test")

    def names(*flags):
        return [line.split()[0][0] for line in cli.ok("domain", "list", "--search", "list.test", *flags).splitlines()[1:]]

    assert names() == ["a", "b", "c"]
    assert names("--status", "offline") == ["c"] and names("--with-backup", "yes") == ["b"]
    assert names("--with-backup", "no") == ["a", "c"] and names("--type", "s3") == []
    assert names("--limit", "2") == ["a", "b"] and names("--after", "a.list.test") == ["b", "c"]
    out = cli.ok("domain", "list", "--search", "b.list.test")
    assert re.fullmatch(r"NAME +STATUS +REVISION +ORIGIN +BACKUP\nb.list.test +online +\d+ +192.0.2.1 +192.0.2.9\n", out)


def test_names_may_be_written_as_people_do(cli, plane):
    cli.ok("domain", "create", "*.Müller.test", "--origin", "192.0.2.1")
    assert plane.viewer.ok("readDomain", name="*.xn--mller-kva.test")["name"] == "*.xn--mller-kva.test"
    assert "name: *.xn--mller-kva.test" in cli.ok("domain", "show", "*.MÜLLER.test").splitlines()
    done = cli.run("domain", "show", "a..b")
    assert done.code == EXIT_USAGE and "[name]" in done.errors
    assert cli.run("domain", "create", "*.müller.test", "--origin", "192.0.2.1").code == EXIT_CONFLICT


def test_wrong_fields_are_suggested(cli):
    done = cli.run("domain", "set", "a.test", "origin.hots=a", "conect_timeout=3s", "origin.connect_timeout=soon")
    assert done.code == EXIT_USAGE and len(done.errors.splitlines()) == 3
    assert 'did you mean "origin.host"?' in done.errors and "[unknown-field]" in done.errors
    assert '"soon"' in done.errors


def test_roles_hold(make, cli, plane):
    cli.ok("domain", "create", "roles.test", "--origin", "192.0.2.1", "--backup", "192.0.2.9")
    viewer, operator = as_role(make, plane, "viewer"), as_role(make, plane, "operator")
    assert "roles.test" in viewer.ok("domain", "list")
    for who, words in ((viewer, ["switch", "roles.test"]), (viewer, ["domain", "set", "roles.test", "debug=on"]),
                       (operator, ["domain", "delete", "roles.test"]), (operator, ["user", "list"])):  # fmt: skip
        done = who.run(*words)
        assert done.code == EXIT_FORBIDDEN and "[forbidden]" in done.errors, done
    assert operator.ok("switch", "roles.test")
    stranger = Commands(make.inside("home"), viewer.environment["HEADWATER_API"])
    assert stranger.run("domain", "list").code == EXIT_FORBIDDEN
    done = stranger.run("domain", "list", HEADWATER_TOKEN="hw" + "x" * 44)
    assert done.code == EXIT_FORBIDDEN and "try headwater login" in done.errors


def test_an_export_is_a_file_that_changes_nothing(make, cli):
    cli.ok("domain", "create", "export.test", "--origin", "192.0.2.1", "origin.host=a.example")
    path = make.inside("export") / "domains.yaml"
    path.write_text(cli.ok("export"))
    assert "host: a.example" in path.read_text()
    done = cli.run("apply", "-f", path, "--prune", "--yes")
    assert done.code == 0 and done.out == "" and "nothing differs" in done.errors, done


def test_how_it_is_is_told(cli):
    lines = cli.ok("status").splitlines()
    assert "managed_by: store" in lines and "rules: classic" in lines and "store: open" in lines and "edges: 0" in lines
    assert cli.ok("edges").splitlines()[0].split() == ["EDGE", "CONNECTED", "FROM", "APPLIED", "REFUSED", "SINCE", "ERROR"]
