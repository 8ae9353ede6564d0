"""The command line: what is wrong is told in one line with its place and rule, and nothing is started."""
import json
import re

import program
import pytest

GOOD = {"name": "edge.test", "origin": {"addresses": ["127.0.0.1:9001"]}}


def with_origin(**fields):
    return {"name": "edge.test", "origin": {"addresses": ["127.0.0.1:9001"], **fields}}


def with_backup(origin=None, **fields):
    return {**with_origin(**(origin or {})), "backup": {"addresses": ["127.0.0.1:9002"], **fields}}


BUCKET = {"bucket": "b-1250000000", "region": "ap-guangzhou"}

# name -> (the domains, where the problem is, its rule or words)
BAD = {
    "a duplicate name": ([GOOD, GOOD], "/domains/1/name", "duplicate"),
    "a duplicate name in capitals": ([GOOD, {**GOOD, "name": "EDGE.test"}], "/domains/1/name", "duplicate"),
    "an unknown field": ([{**GOOD, "colour": "red"}], "/domains/0/colour", "unknown"),
    "an unknown field of an origin": ([with_origin(adresses=["127.0.0.1"])], "/domains/0/origin/adresses", "unknown"),
    "a port of 0": ([with_origin(addresses=["127.0.0.1:0"])], "/domains/0/origin/addresses/0", "port"),
    "a port of 65536": ([with_origin(addresses=["127.0.0.1:65536"])], "/domains/0/origin/addresses/0", "port"),
    "a port of letters": ([with_origin(addresses=["127.0.0.1:http"])], "/domains/0/origin/addresses/0", "port"),
    "a weight of 101": ([with_origin(addresses=["127.0.0.1:80:101"])], "/domains/0/origin/addresses/0", "weight"),
    "a weight of -1": ([with_origin(addresses=["127.0.0.1:80:-1"])], "/domains/0/origin/addresses/0", "weight"),
    "an IPv6 address with a port and no brackets": (
        [with_origin(addresses=["2001:db8::1:80:1"])], "/domains/0/origin/addresses/0", ""),
    "no addresses": ([with_origin(addresses=[])], "/domains/0/origin/addresses", ""),
    "33 addresses": ([with_origin(addresses=[f"127.0.0.{n}" for n in range(1, 34)])], "/domains/0/origin/addresses", "32"),
    "a loop to itself": ([with_origin(addresses=["edge.test"])], "/domains/0/origin/addresses/0", "loop"),
    "a loop through the backup": ([with_backup(addresses=["EDGE.test:8080"])], "/domains/0/backup/addresses/0", "loop"),
    "HTTPS with a hot backup": ([with_backup({"protocol": "https"})], "/domains/0/", "R2"),
    "follow with a hot backup": ([with_backup({"protocol": "follow"})], "/domains/0/", "R2"),
    "a backup over HTTPS": ([with_backup(protocol="https")], "/domains/0/backup", "R2"),
    "a bucket as backup": ([{**GOOD, "backup": {"type": "cos", "bucket": BUCKET}}], "/domains/0/backup", "R1"),
    "a bucket with a backup": (
        [{"name": "edge.test", "origin": {"type": "cos", "bucket": BUCKET}, "backup": {"addresses": ["127.0.0.1"]}}],
        "/domains/0/", "R1"),
    "a timeout of 0": ([with_origin(connect_timeout="0s")], "/domains/0/origin/connect_timeout", "range"),
    "a timeout of 61 s": ([with_origin(connect_timeout="61s")], "/domains/0/origin/connect_timeout", "range"),
    "a timeout without sense": ([with_origin(connect_timeout="soon")], "/domains/0/origin/connect_timeout", ""),
    "no origin": ([{"name": "edge.test"}], "/domains/0", "origin"),
    "no name": ([{"origin": {"addresses": ["127.0.0.1"]}}], "/domains/0", "name"),
    "a bad name": ([{**GOOD, "name": "-edge-.test"}], "/domains/0/name", ""),
    "a name with a port": ([{**GOOD, "name": "edge.test:80"}], "/domains/0/name", ""),
    "a wildcard in the middle": ([{**GOOD, "name": "a.*.test"}], "/domains/0/name", ""),
    "a policy of its own": ([with_origin(policy="random")], "/domains/0/origin/policy", "polling"),
    "a status out of range": ([{**GOOD, "failover": {"statuses": [600]}}], "/domains/0/failover/statuses", ""),
    "a text where a list belongs": ([with_origin(addresses=7)], "/domains/0/origin/addresses", ""),
    "a list where a map belongs": ([{**GOOD, "origin": ["127.0.0.1"]}], "/domains/0/origin", ""),
    "a CR in a host": ([with_origin(host="a\r\nX: y")], "/domains/0/origin/host", ""),
}  # fmt: skip
BAD_TEXTS = {
    "no YAML": ("domains: [}\n", 1),
    "no list": ("domains: 7\n", 1),
    "another document": ("colour: red\n", 1),
    "an empty file": ("", 0),
    "an alias": ("domains:\n- &a {name: edge.test, origin: {addresses: [127.0.0.1]}}\n- *a\n", 2),
    "a doubled key": ("domains:\n- name: a.test\n  name: b.test\n  origin: {addresses: [127.0.0.1]}\n", 3),
    "a problem on line 4": ("domains:\n- name: edge.test\n  origin:\n    colour: red\n    addresses: [127.0.0.1]\n", 4),
}


@pytest.fixture(name="folder")
def _folder(make):
    return make.inside("cli")


def serve(path, folder, *flags):
    return program.run("serve", "--domains", path, "--listen", "127.0.0.1:0", "--state-dir", folder,
                       "--api", "off", *flags, timeout=20)  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_domains_file_is_told_by_place_and_rule(folder, name):
    domains, place, words = BAD[name]
    path = folder / "domains.json"
    path.write_text(json.dumps({"domains": domains}, indent=1))
    code, out, errors = program.run("check", path)
    lines = [line for line in (out + errors).splitlines() if "/domains/" in line]
    assert code == 2
    assert any(re.search(rf"domains\.json:\d+: {re.escape(place)}", line) and words in line for line in lines), out + errors
    assert all(re.search(r"\[[\w-]+\]$", line) for line in lines), lines
    code, out, errors = serve(path, folder)
    assert code == 2 and "ready" not in errors
    assert any(place in line and words in line for line in errors.splitlines()), errors
    assert len(errors.splitlines()) <= len(lines) + 1


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_a_file_that_is_no_domains_file_is_told_by_its_line(folder, name):
    text, line = BAD_TEXTS[name]
    path = folder / "domains.yaml"
    path.write_text(text)
    code, out, errors = program.run("check", path)
    assert code == 2
    assert re.search(rf"domains\.yaml:{line}:" if line else r"domains\.yaml", out + errors), out + errors


def test_every_problem_is_told_not_only_the_first(folder):
    path = folder / "domains.json"
    path.write_text(json.dumps({"domains": [with_origin(addresses=["a:0"]), {**GOOD, "x": 1}, with_origin(policy="x")]}))
    code, out, errors = program.run("check", path)
    text = out + errors
    assert code == 2
    for place in ("/domains/0/origin/addresses/0", "/domains/1/x", "/domains/2/origin/policy"):
        assert place in text


def test_the_rules_can_be_extended(folder):
    path = folder / "domains.json"
    path.write_text(json.dumps({"domains": [with_backup({"protocol": "https"})]}))
    code, out, errors = program.run("check", path)
    assert code == 2 and "extended" in out + errors
    assert "[R2]" in out + errors
    _, out, errors = program.run("check", "--origin-rules", "extended", path)
    assert "[R2]" not in out + errors


def test_a_good_file_is_good(folder):
    path = folder / "domains.yaml"
    path.write_text("domains:\n- {name: edge.test, origin: {type: self, addresses: [\"127.0.0.1:9001\"], "
                    "connect_timeout: 2s}, backup: {addresses: [backup.example.net]}}\n")  # fmt: skip
    code, _, errors = program.run("check", path)
    assert code == 0 and "error" not in errors


@pytest.mark.parametrize("args", [
    ["serve", "--nonsense"],
    ["serve", "--listen"],
    ["serve", "--listen", "nonsense"],
    ["serve", "--listen", "nohost:80"],
    ["serve", "--listen", "127.0.0.1:99999"],
    ["serve", "--workers", "-1"],
    ["serve", "--workers", "many"],
    ["serve", "--domain", "a.test"],
    ["serve", "--origin", "127.0.0.1"],
    ["serve", "--domain", "a.test", "--origin", "127.0.0.1:0"],
    ["serve", "--domain", "a.test", "--origin", "a.test"],
    ["serve", "--domain", "a b", "--origin", "127.0.0.1"],
    ["serve", "--domain", "a.test", "--origin", "127.0.0.1", "--backup", "127.0.0.1:1:101"],
    ["serve", "--domain", "a.test", "--origin", "127.0.0.1", "--domains", "/nowhere.yaml"],
    ["serve", "--domains", "/nowhere/at/all.yaml"],
    ["serve", "--config", "/nowhere/at/all.yaml"],
    ["serve", "--domain", "a.test", "--origin", "127.0.0.1", "--head-timeout", "soon"],
    ["serve", "--domain", "a.test", "--origin", "127.0.0.1", "--trusted-proxies", "10.0.0.0/33"],
    ["serve", "--domain", "a.test", "--origin", "127.0.0.1", "--access-log-sample", "0"],
    ["serve", "extra"],
    ["serve", "--domains", "/nowhere.yaml", "--control", "/nowhere.socket"],
    ["serve", "--api", "nohost:80"],
    ["serve", "--api", "127.0.0.1:8080"],
    ["edge", "--nonsense"],
    ["control", "--nonsense"],
    ["control", "--domain", "a.test"],
    ["control", "--api", "off"],
    ["check"],
    ["check", "/nowhere/at/all.yaml"],
    ["nonsense"],
    ["help", "nonsense"],
    ["explain"],
    ["explain", "--nonsense"],
])  # fmt: skip
def test_a_bad_command_line_is_told_in_one_line(folder, args):
    if args[0] in ("serve", "edge", "control"):
        args = [*args, "--state-dir", str(folder)]
    code, _, errors = program.run(*args, cwd=folder)
    lines = [line for line in errors.splitlines() if line]
    assert code == 2
    assert 1 <= len(lines) <= 2, errors
    assert "ready" not in errors and "  " not in errors
    wrong = [arg for arg in args[1:] if not arg.startswith(str(folder)) and arg != "--state-dir"]
    assert not wrong or any(arg in errors or arg.replace("-", "_").strip("_") in errors for arg in wrong), errors


@pytest.mark.parametrize("command, words", [("serve", "--state-dir"), ("edge", "--state-dir"), ("control", "--state-dir")])
def test_who_is_told_nothing_says_what_there_is(command, words):
    code, _, errors = program.run(command)
    assert code == 2 and words in errors and "[required]" in errors, errors
    if command != "control":
        assert all(flag in errors for flag in ("--domains", "--domain", "--origin", "--control")), errors


@pytest.mark.parametrize("text, line, words", [
    ("colour: red\n", 1, "colour"),
    ("workers: 1\nhead_timeout: soon\n", 2, "head_timeout"),
    ("workers: 1\nworkers: 2\n", 2, "workers"),
    ("listen: [\"127.0.0.1:99999\"]\n", 1, "listen"),
    ("listen: [}\n", 1, ""),
    ("head_bytes: 99999999\n", 1, "head_bytes"),
])  # fmt: skip
def test_a_bad_config_file_is_told_by_place(folder, text, line, words):
    path = folder / "headwater.yaml"
    path.write_text(text)
    code, _, errors = program.run("serve", "--config", path, "--domain", "a.test", "--origin", "127.0.0.1")
    assert code == 2
    assert f"headwater.yaml:{line}:" in errors and words in errors, errors


@pytest.mark.parametrize("settings, rule", [
    ({"cache_disks": ["nowhere:64m"]}, "disk"),
    ({"cache_disks": ["/nowhere/disk"]}, "disk"),
    ({"cache_disks": ["/nowhere/disk:64x"]}, "disk"),
    ({"cache_disks": ["/nowhere/disk:63m"]}, "range"),
    ({"cache_disks": "/nowhere/disk:4097g"}, "range"),
    ({"cache_disks": [f"/nowhere/disk{n}:64m" for n in range(17)]}, "range"),
    ({"cache_disks": ["/nowhere/a:4096g", "/nowhere/b:64m"]}, "range"),
    ({"cache_disks": ["/nowhere/a:64m", "/nowhere/a:64m"]}, "doubled"),
    ({"cache_disks": ["/nowhere/a:64m"], "cache_memory": 0}, "required"),
])  # fmt: skip
def test_bad_disks_are_told_in_one_line(folder, settings, rule):
    path = folder / "headwater.yaml"
    path.write_text(json.dumps(settings))
    code, _, errors = program.run("serve", "--config", path, "--domain", "a.test", "--origin", "127.0.0.1", "--listen",
                                  "127.0.0.1:0", timeout=20)  # fmt: skip
    assert code == 2 and "ready" not in errors
    lines = [line for line in errors.splitlines() if "cache_disks" in line]
    assert len(lines) == 1 and f"[{rule}]" in lines[0], errors


def test_flags_override_the_config_file(make, origin):
    folder = make.inside("config")
    path = folder / "headwater.yaml"
    path.write_text("cdn_id: from-file\nhead_bytes: 4096\nlisten: [\"127.0.0.1:0\"]\n")
    server = make.headwater(flags=["--config", str(path), "--cdn-id", "from-flag", "--domain", "a.test", "--origin",
                                   origin.address], listen=())  # fmt: skip
    assert server.get(host="a.test").status == 200
    assert origin.requests[0].fields.get("CDN-Loop") == "from-flag"
    with server.connect() as connection:
        connection.request(host="a.test", fields=[("X-A", "a" * 5000)])
        assert connection.response().status == 431


def test_version_and_help():
    code, out, _ = program.run("version")
    assert code == 0 and re.search(r"\d+\.\d+\.\d+", out)
    code, out, _ = program.run("help")
    assert code == 0
    for command in ("serve", "edge", "check", "explain", "version", "help"):
        assert command in out
    for args in (["help", "serve"], ["serve", "--help"]):
        code, out, _ = program.run(*args)
        assert code == 0 and "--listen" in out and "--domains" in out
    assert program.run("help", "check")[0] == 0
    code, out, errors = program.run()
    assert code == 2 and "serve" in out + errors


def test_the_steps_explain_themselves():
    code, out, _ = program.run("explain", "--steps")
    assert code == 0
    for step in ("receive", "route", "deliver", "finish", "choose", "attempt", "judge"):
        assert step in out
