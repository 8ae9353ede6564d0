"""What a command makes of a control plane that is not there, talks nonsense, or means harm."""
import json
import socket
import time

import pytest
from commands import EXIT_ABSENT, EXIT_CONFLICT, EXIT_DONE, EXIT_FAILED, EXIT_FORBIDDEN, EXIT_UNREACHABLE, EXIT_USAGE, Commands
from double import Double

TOKEN = "hw" + "a" * 44
DOMAIN = {"name": "a.test", "status": "online", "revision": 7, "origin": {"type": "self", "addresses": ["192.0.2.1"]}}


@pytest.fixture
def double(make):
    return make.closing.add(Double(), Double.stop)


@pytest.fixture
def cli(make, double):
    return Commands(make.inside("home"), double.url, TOKEN)


def problem(name, status, **members):
    return (status, {"type": f"/problems/{name}", "title": name, "status": status, **members},
            {"Content-Type": "application/problem+json"})  # fmt: skip


@pytest.mark.parametrize("answer, code", [
    (problem("bad-request", 400), EXIT_FAILED),
    (problem("unauthenticated", 401), EXIT_FORBIDDEN),
    (problem("forbidden", 403), EXIT_FORBIDDEN),
    (problem("no-such-domain", 404), EXIT_ABSENT),
    (problem("exists", 409), EXIT_CONFLICT),
    (problem("precondition-failed", 412), EXIT_CONFLICT),
    (problem("invalid", 422), EXIT_FAILED),
    (problem("precondition-required", 428), EXIT_CONFLICT),
    (problem("store-unavailable", 503), EXIT_FAILED),
    ((502, "<html>Bad Gateway</html>", {}), EXIT_FAILED),
    ((500, "", {}), EXIT_FAILED),
    ((302, "", {"Location": "http://127.0.0.1:1/"}), EXIT_UNREACHABLE),
    ((200, "", {}), EXIT_DONE),
    ((200, "<html>", {}), EXIT_UNREACHABLE),
    ((200, "[]", {}), EXIT_UNREACHABLE),
    ((200, b"{\"name\":\"\xff\"}", {}), EXIT_UNREACHABLE),
    ((200, "[" * 100000, {}), EXIT_UNREACHABLE),
    ((200, "{\"a\":" * 20 + "1" + "}" * 20, {}), EXIT_UNREACHABLE),
    ((200, "{} {}", {}), EXIT_UNREACHABLE),
])  # fmt: skip
def test_each_answer_has_its_exit_code(cli, double, answer, code):
    double.answers["GET /status"] = answer
    for flags in ((), ("--json",)):
        done = cli.run("status", *flags)
        assert done.code == code, done
        lines = done.errors.splitlines()
        assert len(lines) == (code != EXIT_DONE), done
        assert all(line.startswith("headwater status: ") for line in lines)


def test_nobody_there_is_told_in_a_line(make):
    with socket.socket() as bound:  # so that nobody else listens there
        bound.bind(("127.0.0.1", 0))
        cli = Commands(make.inside("home"), f"http://127.0.0.1:{bound.getsockname()[1]}", TOKEN)
        for words in (["status"], ["domain", "set", "a.test", "debug=on"], ["export"]):
            done = cli.run(*words)
            assert done.code == EXIT_UNREACHABLE and "no answer from http://127.0.0.1:" in done.errors
            assert len(done.errors.splitlines()) == 1 and done.out == ""


@pytest.mark.parametrize("data", [
    b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"SSH-2.0-OpenSSH\r\n",
])  # fmt: skip
def test_what_is_no_answer_is_told(cli, double, data):
    def speak(handler):
        handler.wfile.write(data)
        handler.close_connection = True

    double.answers["GET /status"] = speak
    done = cli.run("status")
    assert done.code == EXIT_UNREACHABLE and "no answer from" in done.errors, done


def test_a_flood_is_not_kept(cli, double):
    sent = []

    def flood(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(1024):
                handler.wfile.write(b" " * 65536)
                sent.append(65536)
        except OSError:
            pass
        handler.close_connection = True

    double.answers["GET /status"] = flood
    done = cli.run("status")
    assert done.code == EXIT_UNREACHABLE and "longer than 16777216 bytes" in done.errors, done
    assert sum(sent) < 64 << 20


def test_no_redirect_is_followed_with_the_token(make, cli, double):
    other = make.closing.add(Double({"GET /status": {"version": "stolen"}}), Double.stop)
    for status in (301, 302, 303, 307, 308):
        double.answers["GET /status"] = (status, "", {"Location": other.url + "/api/v1/status"})
        done = cli.run("status")
        assert done.code == EXIT_UNREACHABLE and f"answered {status}" in done.errors, done
    assert other.asked == []


def test_no_proxy_is_used(make, cli, double):
    proxy = make.closing.add(Double(), Double.stop)
    double.answers["GET /status"] = {"version": "7"}
    variables = {name: proxy.url for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy")}
    assert "version: 7" in cli.ok("status", **variables)
    assert proxy.asked == []


def test_texts_do_not_steer_the_terminal(cli, double):
    hostile = "\x1b]0;owned\x07\u009b31m\u202e\r\n"
    double.answers |= {
        "GET /status": {"version": hostile, "store": {"is_open": False, "error": hostile}},
        "GET /domains": {"items": [{**DOMAIN, "name": hostile, "origin": {"addresses": [hostile]}}]},
        "GET /domains/a.test": {**DOMAIN, "debug": hostile},
        "GET /history": {"items": [{"revision": 1, "who": hostile, "diff": [hostile + " -> " + hostile]}], "next": hostile},
        "GET /users": problem("no" + hostile, 422, detail=hostile, errors=[{"pointer": hostile, "detail": hostile, "rule": hostile}]),
        "GET /export": (200, "domains: " + hostile, {}),
    }  # fmt: skip
    for words in (["status"], ["domain", "list"], ["domain", "show", "a.test"], ["history"], ["user", "list"], ["export"]):
        for flags in ([], ["--json"]):
            shown = cli.at_terminal(*words, *flags, NO_COLOR="1").out
            assert "owned" in shown or "--json" in flags, shown
            assert not set("\x1b\x07\u009b\u202e\r") & set(shown), (words, flags, shown)


def test_json_is_the_answer_as_it_is(cli, double):
    body = '{"version": "\u202e", "z":1, "a" :[ ]}'
    double.answers["GET /status"] = (200, body, {})
    assert cli.ok("status", "--json") == body + "\n"
    # A pipe gets the bytes, a terminal equal JSON.
    assert json.loads(cli.at_terminal("status", "--json").out) == json.loads(body)


def test_a_change_whose_answer_is_lost_is_made_once(cli, double):
    keys = []

    def lose(handler):
        keys.append(handler.headers["Idempotency-Key"])
        if len(keys) == 1:
            handler.close_connection = True
        else:
            handler.send(201, {**DOMAIN, "revision": 1})

    double.answers["POST /domains"] = lose
    assert "a.test is at revision 1" in cli.ok("domain", "create", "a.test", "--origin", "192.0.2.1")
    assert len(keys) == 2 and keys[0] == keys[1] and len(keys[0]) == 32
    # Without a key nothing is said twice.
    double.answers["POST /domains/a.test/switch"] = lambda handler: setattr(handler, "close_connection", True)
    before = len(double.asked)
    assert cli.run("switch", "a.test").code == EXIT_UNREACHABLE
    assert len(double.asked) == before + 1


def test_what_is_asked_is_said_in_full(cli, double):
    double.answers |= {
        "GET /domains/a.test": (200, DOMAIN, {"ETag": '"7"'}),
        "PATCH /domains/a.test": (200, {**DOMAIN, "revision": 8}, {"Headwater-Revision": "8"}),
        "GET /domains/*.a.test/backup": (404, {"type": "/problems/no-backup"}, {}),
        "PUT /domains/*.a.test/backup": (200, {"type": "self"}, {"Headwater-Revision": "9"}),
    }
    assert cli.ok("domain", "set", "A.test.", "origin.host=b.example", "debug=on") == "A.test. is at revision 8\n"
    assert cli.ok("backup", "set", "*.a.test", "192.0.2.1", "host=c") == "*.a.test is at revision 9\n"
    assert double.targets() == ["GET /api/v1/domains/a.test", "PATCH /api/v1/domains/a.test",
                                "GET /api/v1/domains/*.a.test/backup", "PUT /api/v1/domains/*.a.test/backup"]  # fmt: skip
    _, _, fields, body = double.asked[1]
    assert fields["Authorization"] == f"Bearer {TOKEN}" and fields["If-Match"] == '"7"'
    assert fields["Content-Type"] == "application/merge-patch+json"
    assert json.loads(body) == {"origin": {"host": "b.example"}, "debug": True}
    _, _, fields, body = double.asked[3]
    assert "If-Match" not in fields and fields["Content-Type"] == "application/json"
    assert json.loads(body) == {"addresses": ["192.0.2.1"], "host": "c"}


def test_what_has_no_revision_is_not_changed(cli, double):
    double.answers["GET /domains/a.test"] = DOMAIN
    done = cli.run("domain", "set", "a.test", "debug=on")
    assert done.code == EXIT_UNREACHABLE and "does not say which revision" in done.errors
    assert double.targets() == ["GET /api/v1/domains/a.test"]


def test_a_list_of_pages_ends(cli, double):
    def page(handler):
        after = int((handler.path + "&after=0").partition("after=")[2].partition("&")[0])
        names = [str(n) for n in range(after + 1, min(after + 1000, 2500) + 1)]
        handler.send(200, {"items": [{**DOMAIN, "name": name} for name in names], "total": 2500,
                           **({"next": names[-1]} if names and names[-1] != "2500" else {})})  # fmt: skip

    double.answers["GET /domains"] = page
    lines = cli.ok("domain", "list").splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", *map(str, range(1, 2501))]
    pages = cli.ok("domain", "list", "--json").splitlines()
    assert [len(json.loads(line)["items"]) for line in pages] == [1000, 1000, 500]
    # One that says of an empty page that there is another, too.
    double.answers["GET /domains"] = {"items": [], "next": "a"}
    assert cli.ok("domain", "list").splitlines() == ["NAME  STATUS  REVISION  ORIGIN  BACKUP"]


def test_a_broken_standard_output_is_a_failure(cli, double):
    double.answers["GET /status"] = {"version": "7"}
    import subprocess

    from program import binary

    with open("/dev/full", "wb") as full:
        done = subprocess.run([binary(), "status"], stdout=full, stderr=subprocess.PIPE, text=True, env=cli.environment)
    assert done.returncode == EXIT_FAILED and "cannot write to standard output" in done.stderr


def test_usage_is_told_before_anybody_is_asked(cli, double):
    for words in (["domain", "set", "a.test", "debug=maybe"], ["domain", "set", "a.test"], ["domain", "show", "a..b"],
                  ["domain", "create", "a.test", "--origin", "b:0"], ["origin", "set", "a.test"],
                  ["rollback", "a.test", "one"], ["user", "set", "jane"], ["domain", "list", "--limit", "0"],
                  ["apply", "-f", "/nowhere/at/all"], ["apply", "-f", "/dev/null"], ["status", "--api", "nonsense"],
                  ["status", "--token-file", "/nowhere"]):  # fmt: skip
        done = cli.run(*words)
        assert done.code == EXIT_USAGE and len(done.errors.splitlines()) == 1 and done.errors.rstrip()[-1] != ".", done
    assert double.asked == []


def test_retry_after_is_told(cli, double):
    double.answers["POST /login"] = (429, {"type": "/problems/too-many-attempts", "title": "Too many"}, {"Retry-After": "42"})
    done = cli.run("login", input="jane\nsecret\n")
    assert done.code == EXIT_FAILED and "Try again in 42 s." in done.errors and "secret" not in done.errors


def test_an_edge_that_is_slow_or_refuses_is_told(make, cli, double):
    path = make.inside("file") / "domains.yaml"
    path.write_text("domains:\n- {name: a.test, origin: {addresses: [192.0.2.1]}}\n")
    change = {"name": "a.test", "what": "created", "diff": ["name: none -> a.test"]}
    double.answers |= {
        "GET /status": {"revision": 4},
        "POST /apply": lambda handler: handler.send(200, {"changes": [change], "revision": 5}),
        "GET /edges": {"revision": 5, "items": [{"id": "one", "applied": 5}, {"id": "two", "applied": 4}]},
    }
    began = time.monotonic()
    done = cli.run("apply", "-f", path, "--yes", "--timeout", "1s")
    assert done.code == 7 and "revision 5 is made, but 1 of 2 edges" in done.errors, done
    assert 0.9 < time.monotonic() - began < 20
    assert [fields.get("If-Match") for method, _, fields, _ in double.asked if method == "POST"] == [None, '"store-4"']
    double.answers["GET /edges"]["items"][1] |= {"refused": 5, "error": "too many"}
    done = cli.run("apply", "-f", path, "--yes")
    assert done.code == 7 and "the edge two refuses it: too many" in done.errors, done
    double.answers["GET /edges"] = [double.answers["GET /edges"] | {"items": [{"id": "one", "applied": 4}]}] * 3 + [
        {"items": [{"id": "one", "applied": 6}]}]  # fmt: skip
    done = cli.run("apply", "-f", path, "--yes")
    assert done.code == 0 and "edges that have it: 1 of 1" in done.errors, done
    # What was known stays so where nobody answers any more.
    half = {"items": [{"id": "one", "applied": 5}, {"id": "two", "applied": 4}]}
    double.answers["GET /edges"] = [half, problem("store-unavailable", 503)]
    done = cli.run("apply", "-f", path, "--yes")
    assert done.code == 7 and "revision 5 is made, but 1 of 2 edges" in done.errors, done
    # Silence ends with the time that was given, too.
    double.answers["GET /edges"] = lambda handler: time.sleep(3)
    began = time.monotonic()
    assert cli.run("apply", "-f", path, "--yes", "--timeout", "500ms").code == 7
    assert time.monotonic() - began < 10
    before = len(double.asked)
    assert cli.run("apply", "-f", path, "--yes", "--timeout", "0").code == 0
    assert all("/edges" not in path for _, path, _, _ in double.asked[before:])


def test_an_apply_is_for_what_was_shown(make, cli, double):
    path = make.inside("file") / "domains.yaml"
    path.write_text("domains:\n- name: a.test\n  origin:\n    host: b\n")
    double.answers |= {
        "GET /status": {"revision": 4},
        "POST /apply": [{"changes": [{"name": "a.test", "what": "changed", "diff": []}]},
                        problem("precondition-failed", 412, detail="it has revision 5, not 4")],
    }  # fmt: skip
    done = cli.run("apply", "-f", path, "--yes")
    assert done.code == EXIT_CONFLICT and "it has revision 5, not 4" in done.errors
    double.answers["POST /apply"] = problem("invalid", 422, errors=[
        {"pointer": "/domains/0/origin/host", "rule": "R9", "detail": "is bad"}])  # fmt: skip
    done = cli.run("apply", "-f", path, "--yes")
    assert done.code == EXIT_FAILED and f"{path}:4: /domains/0/origin/host: is bad [R9]" in done.errors, done
