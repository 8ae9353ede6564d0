"""The rules of origins (R1, R2, R3) are refused in the same words by a file, by the API and by the command line."""
import json
import os
import re
import subprocess

import control
import pytest
from control import domain
from program import Headwater, binary, run

NAME = "rules.test"
PLAIN = domain(NAME)
WITH_BACKUP = domain(NAME, backup=["192.0.2.2"])
COS = {"type": "cos", "bucket": {"bucket": "pictures-1250000000", "region": "ap-guangzhou"}}
S3 = {"type": "s3", "bucket": {"endpoint": "pictures.s3.example.com"}}
R1_BACKUP = "R1: a hot backup origin is itself self-owned only, IP addresses or a domain name"
R1_MASTER = "R1: only a domain whose master origin is self-owned has a hot backup origin"
R2 = "R2: HTTPS origin-pull (protocol https or follow) cannot be combined with a hot backup origin"
LIFTED = " (the setting origin_rules: extended lifts this)"


def https(protocol="https", **more):
    return {"addresses": ["192.0.2.1"], "protocol": protocol, **more}


# What is there, what is asked for (an operation and its body), where the fault is in the whole domain, and the words.
ROWS = {
    "R1: a COS bucket as backup": (PLAIN, "replaceBackup", COS, "/backup/type", R1_BACKUP),
    "R1: an S3 bucket as backup": (PLAIN, "replaceBackup", S3, "/backup/type", R1_BACKUP),
    "R1: a backup becomes a bucket": (WITH_BACKUP, "changeBackup", {**COS, "addresses": None}, "/backup/type", R1_BACKUP),
    "R1: modify to COS with a backup": (WITH_BACKUP, "replaceOrigin", COS, "/backup", R1_MASTER),
    "R1: modify to S3 with a backup": (WITH_BACKUP, "replaceOrigin", S3, "/backup", R1_MASTER),
    "R1: modify to COS by a patch": (WITH_BACKUP, "changeOrigin", {**COS, "addresses": None}, "/backup", R1_MASTER),
    "R2: https with a backup": (WITH_BACKUP, "changeOrigin", {"protocol": "https"}, "/origin/protocol", R2),
    "R2: follow with a backup": (WITH_BACKUP, "changeOrigin", {"protocol": "follow"}, "/origin/protocol", R2),
    "R2: https, all of the origin anew": (WITH_BACKUP, "replaceOrigin", https(), "/origin/protocol", R2),
    "R2: a backup by https": (PLAIN, "replaceBackup", https(), "/backup/protocol", R2),
    "R2: a backup that follows": (PLAIN, "replaceBackup", https("follow"), "/backup/protocol", R2),
    "R2: a backup begins to follow": (WITH_BACKUP, "changeBackup", {"protocol": "follow"}, "/backup/protocol", R2),
    # From the other side: the pull by HTTPS is there, and a backup is added. A file of one version has both.
    "R2: a backup is added to https": ({**PLAIN, "origin": https()}, "replaceBackup", {"addresses": ["192.0.2.2"]}, "/origin/protocol", R2),
}  # fmt: skip


def merged(target, patch):
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        made[key] = merged(made.get(key), value)
        if value is None:
            del made[key]
    return made


def whole(row):
    """The domain as it would be."""
    there, operation, body, _, _ = ROWS[row]
    part = "backup" if operation.endswith("Backup") else "origin"
    return {**there, part: merged(there.get(part), body) if operation.startswith("change") else body}


def complaints(output):
    """(pointer, words) of each line `FILE:LINE: POINTER: WORDS [RULE]`."""
    return [(match[1].removeprefix("/domains/0"), match[2]) for match in
            re.finditer(r"^.*?:\d+: (/\S*): (.*) \[[\w-]+\]$", output, re.M)]  # fmt: skip


def words_of(body, path=""):
    """A body as the words of a command: addresses, and FIELD=VALUE for the rest."""
    for key, value in body.items():
        if isinstance(value, dict):
            yield from words_of(value, f"{path}{key}.")
        elif isinstance(value, list):
            yield from value
        else:
            yield f"{path}{key}={'' if value is None else value}"


def type_in(plane, *words):
    """Runs a command as an admin would: (exit code, what it said)."""
    environment = os.environ | {"HEADWATER_API": "http://%s:%d" % plane.address,
                                "HEADWATER_TOKEN": plane.admin.fields["Authorization"].partition(" ")[2]}  # fmt: skip
    done = subprocess.run([binary(), *words], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def told(answer):
    return [(error["pointer"], error["detail"]) for error in answer.json["errors"]]


@pytest.fixture(scope="module")
def plane(make_once):
    return control.Plane(make_once)


def put(plane, there):
    """Makes the domain what it has to be; false where this version cannot serve that."""
    plane.admin.call("deleteDomain", name=NAME, fields={"If-Match": "*"})
    answer = plane.admin.call("createDomain", there)
    if answer.status == 201:
        return True
    assert {rule for _, rule in answer.errors} == {"not-yet"}, answer
    return False


@pytest.mark.parametrize("row", ROWS)
def test_a_rule_is_refused_in_the_same_words_by_file_and_api(plane, tmp_path, row):
    there, operation, body, place, words = ROWS[row]
    path = tmp_path / "domains.json"
    path.write_text(json.dumps({"domains": [whole(row)]}))
    code, out, err = run("check", path)
    by_file = complaints(out + err)
    assert code != 0 and (place, words + LIFTED) in by_file, out + err

    made = plane.admin.call("createDomain", {**whole(row), "name": "made-" + NAME})
    assert (made.status, told(made)) == (422, by_file)
    applied = plane.admin.call("apply", path.read_text())
    assert (applied.status, [(where.removeprefix("/domains/0"), said) for where, said in told(applied)]) == (422, by_file)

    if put(plane, there):
        part = "/backup" if operation.endswith("Backup") else "/origin"
        fields = {"If-Match": "*"} if operation.startswith("replace") else {}
        for query in ({"dry_run": "1"}, {}):
            answer = plane.admin.call(operation, body, name=NAME, query=query, fields=fields)
            assert answer.status == 422, answer
            assert [said for _, said in told(answer)] == [said for _, said in by_file]
            # Places are those of the request; what is elsewhere in the domain keeps its own.
            assert [where for where, _ in told(answer)] == [where.removeprefix(part) for where, _ in by_file]
        # A patch of the whole domain takes the addresses away itself where the new origin has none.
        patch = {part[1:]: {"addresses": None, **whole(row)[part[1:]]}}
        patched = plane.admin.call("changeDomain", patch, name=NAME)
        assert (patched.status, [said for _, said in told(patched)]) == (422, [said for _, said in by_file])


@pytest.mark.parametrize("row", ROWS)
def test_the_command_line_refuses_in_the_same_words(plane, tmp_path, row):
    there, operation, body, place, words = ROWS[row]
    path = tmp_path / "domains.json"
    path.write_text(json.dumps({"domains": [whole(row)]}))
    code, said = type_in(plane, "apply", "-f", str(path), "--yes")
    assert code == 1 and f"{place}: {words}{LIFTED}" in said, said
    if put(plane, there):
        part = "backup" if operation.endswith("Backup") else "origin"
        if operation.startswith("replace"):
            body = {"addresses": None, **body}
        for flags in (["--dry-run"], []):
            code, said = type_in(plane, part, "set", NAME, *words_of(body), *flags)
            assert code == 1 and words + LIFTED in said, said
        assert plane.admin.ok("readDomain", name=NAME)["origin"]["type"] == "self"


@pytest.mark.parametrize("row", ROWS)
def test_serve_refuses_a_file_in_the_same_words(make, row):
    """A first start with it: nothing is served, and the words are in the log."""
    _, _, _, place, words = ROWS[row]
    server = Headwater(make.inside("refused"), [whole(row)])
    code, out, err = run(*server.argv[1:], cwd=server.folder)
    assert code != 0 and f"{place}: {words}{LIFTED} [{words[:2]}]" in out + err, out + err


def test_under_extended_rules_nothing_of_that_is_refused_for_r1_or_r2(make):
    plane = control.Plane(make, flags={"origin_rules": "extended"})
    assert plane.viewer.ok("status")["rules"] == "extended"
    for row in ROWS:
        answer = plane.admin.call("createDomain", whole(row), query={"dry_run": "1"})
        rules = {rule for _, rule in answer.errors} if answer.problem else set()
        assert rules <= {"not-yet"}, (row, answer)


def test_modify_to_a_bucket_offers_to_remove_the_backup(plane):
    assert put(plane, WITH_BACKUP)
    before = plane.admin.revision_of(NAME)
    answer = plane.admin.call("replaceOrigin", COS, name=NAME, fields={"If-Match": "*"}, query={"remove_backup": "1"})
    assert answer.status == 200 and answer.json["type"] == "cos", answer
    now = plane.admin.ok("readDomain", name=NAME)
    assert now["backup"] is None and now["revision"] == before + 1 and now["origin"]["addresses"] == []


# ---- R3 ----

R3 = "R3: the origin of a domain that a bucket created by itself cannot be modified"
OWNED = {**PLAIN, "kind": "bucket_default"}
R3_ROWS = {
    "replace the origin": ("replaceOrigin", {"addresses": ["192.0.2.9"]}, ""),
    "patch the origin": ("changeOrigin", {"connect_timeout": "2s"}, ""),
    "patch the domain": ("changeDomain", {"origin": {"addresses": ["192.0.2.9"]}}, "/origin"),
    "replace the domain": ("replaceDomain", {**OWNED, "origin": {"addresses": ["192.0.2.9"]}}, "/origin"),
    "make it a normal one": ("changeDomain", {"kind": "normal"}, "/kind"),
    "drain an address": ("weighAddress", {"role": "origin", "address": "192.0.2.1", "weight": 0}, "/origin"),
    "switch": ("switchDomain", None, "/origin"),
}


@pytest.mark.parametrize("row", R3_ROWS)
def test_r3_is_refused_by_every_way(plane, row):
    operation, body, place = R3_ROWS[row]
    assert put(plane, {**OWNED, "backup": {"addresses": ["192.0.2.2"]}} if row == "switch" else OWNED)
    before = plane.admin.ok("readDomain", name=NAME)
    fields = {"If-Match": "*"} if operation.startswith("replace") else {}
    answer = plane.admin.call(operation, body, name=NAME, fields=fields)
    assert answer.status == 422, answer
    assert [error["detail"] for error in answer.json["errors"]] == [R3]
    assert [error["rule"] for error in answer.json["errors"]] == ["R3"]
    if row not in ("switch", "drain an address"):
        assert [error["pointer"] for error in answer.json["errors"]] == [place]
    assert plane.admin.ok("readDomain", name=NAME) == before


def test_r3_is_refused_by_a_file(plane):
    assert put(plane, OWNED)
    answer = plane.admin.call("apply", json.dumps({"domains": [{**OWNED, "origin": {"addresses": ["192.0.2.9"]}}]}))
    assert (answer.status, told(answer)) == (422, [("/domains/0/origin", R3)])


def test_r3_is_refused_by_a_rollback(plane):
    """To a version when it was a normal domain with another origin."""
    assert put(plane, domain(NAME, "192.0.2.9"))
    normal = plane.admin.revision_of(NAME)
    plane.admin.ok("changeDomain", {"kind": "bucket_default", "origin": {"addresses": ["192.0.2.1"]}}, name=NAME)
    answer = plane.admin.call("rollbackDomain", {"revision": normal}, name=NAME)
    assert answer.status == 422 and [error["detail"] for error in answer.json["errors"]] == [R3]


def test_what_r3_does_not_forbid(plane):
    assert put(plane, OWNED)
    for body in ({"status": "offline"}, {"cache": {"ttl_default": "1h"}}, {"backup": {"addresses": ["192.0.2.2"]}}, {"backup": None}):
        assert plane.admin.call("changeDomain", body, name=NAME).status == 200
    assert plane.admin.call("deleteDomain", name=NAME, fields={"If-Match": "*"}).status == 204


# ---- the switch ----


def test_a_switch_that_would_put_a_rule_aside_is_refused_or_makes_sense(plane):
    assert put(plane, {**WITH_BACKUP, "backup": {"addresses": ["192.0.2.2"], "latch": "manual", "hold_down_s": 60, "cache_max_s": 30}})
    switched = plane.admin.ok("switchDomain", name=NAME)
    assert (switched["origin"]["addresses"], switched["backup"]["addresses"]) == (["192.0.2.2"], ["192.0.2.1"])
    # How the backup is come to and left is the domain's matter, not that of the servers.
    assert {key: switched["backup"][key] for key in ("latch", "hold_down_s", "cache_max_s")} == {
        "latch": "manual", "hold_down_s": 60, "cache_max_s": 30}  # fmt: skip
    again = plane.admin.ok("switchDomain", name=NAME)
    assert (again["origin"]["addresses"], again["backup"]["addresses"]) == (["192.0.2.1"], ["192.0.2.2"])
