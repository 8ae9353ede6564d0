"""What would become of a request: by the API and the command line, held against what becomes of real ones."""
import json
import socket
import struct

import control
import pytest
from caching import wait_until
from commands import EXIT_ABSENT, EXIT_FAILED, EXIT_UNREACHABLE, EXIT_USAGE, Commands
from control import LINK_VERSION, domain
from origin import Reply

NAME = "told.test"


@pytest.fixture(scope="module")
def world(make_once):
    """A plane with an edge, and a domain with a master and a backup."""
    plane = control.Plane(make_once, "serve", flags={"cache_memory": "64m"})
    plane.master, plane.backup = make_once.origin("master"), make_once.origin("backup")
    for one in (plane.master, plane.backup):
        one.default = Reply(fields=(("Cache-Control", "max-age=3600"),), body=b"x")
    plane.admin.ok("createDomain", domain(NAME, plane.master.address, backup=[plane.backup.address]))
    plane.admin.ok("createDomain", domain("off.test", plane.master.address, status="offline"))
    plane.admin.ok("createDomain", domain("cacheless.test", plane.master.address, cache={"mode": "off"}))
    wait_until(lambda: plane.program.get("/", host="cacheless.test").status == 200, "the domains are served", 10)
    return plane


@pytest.fixture
def cli(make, world):
    token = world.viewer.fields["Authorization"].removeprefix("Bearer ")
    return Commands(make.inside("home"), "http://%s:%s" % world.address, token)


def ask(world, path="/", host=NAME, **query):
    return world.viewer.ok("explainRequest", query={"url": f"http://{host}{path}", **query})


def test_nothing_is_pulled_for_an_explanation(world):
    before = len(world.master.requests), len(world.backup.requests)
    told = ask(world, "/new?a=b")
    assert told["domain"] == NAME and told["host"] == NAME and told["method"] == "GET"
    assert told["cache"] == {"state": "missing", "key": f"{NAME}/new?a=b#http"}
    assert [one["role"] for one in told["origins"]] == ["origin", "backup"]
    assert [one["address"] for one in told["origins"][0]["addresses"]] == [world.master.address]
    assert [(one["role"], one["status"]) for one in told["attempts"]] == [("origin", 200)]
    assert told["outcome"]["status"] == 200 and told["outcome"]["x_cache"] == "MISS" and told["is_pulled"] is True
    assert told["edge"] == world.viewer.ok("listEdges")["items"][0]["id"]
    assert before == (len(world.master.requests), len(world.backup.requests))


def test_an_origin_that_follows_is_explained_for_the_scheme_of_the_url(world):
    there = domain("follows.test", "192.0.2.1")
    there["origin"]["protocol"] = "follow"
    world.admin.ok("createDomain", there)
    wait_until(lambda: world.viewer.call("explainRequest", query={"url": "http://follows.test/"}).json.get("domain"), "it is known", 10)
    for scheme, port, key in (("http", 80, "follows.test/#http"), ("https", 443, "follows.test/#https")):
        told = world.viewer.ok("explainRequest", query={"url": f"{scheme}://follows.test/"})
        assert told["origins"][0]["protocol"] == scheme and told["cache"]["key"] == key
        assert told["attempts"][0]["address"] == f"192.0.2.1:{port}"
        assert ("over HTTPS" in " ".join(told["steps"])) == (scheme == "https")


def test_what_is_cached_is_a_hit(world):
    assert world.program.get("/hit", host=NAME).status == 200
    wait_until(lambda: ask(world, "/hit")["cache"]["state"] == "fresh", "it is stored", 5)
    told = ask(world, "/hit")
    assert told["cache"]["status"] == 200 and told["cache"]["length"] == 1 and told["cache"]["from"] == "origin"
    assert 3500 < told["cache"]["fresh_for_s"] <= 3600 and told["cache"]["may_be_sent"] == "fresh"
    assert (told["outcome"]["x_cache"], told["outcome"]["from"], told["is_pulled"]) == ("HIT", "cache", False)
    assert dict(world.program.get("/hit", host=NAME).fields)["X-Cache"] == "HIT"
    # Other methods are not looked up.
    told = ask(world, "/hit", method="POST")
    assert told["cache"]["state"] == "not_looked_up" and told["outcome"]["x_cache"] == "PASS"
    world.operator.ok("createPurge", {"what": "url", "values": [f"http://{NAME}/hit"], "mode": "soft"})
    wait_until(lambda: ask(world, "/hit")["cache"]["state"] == "stale", "it is purged", 5)
    told = ask(world, "/hit", fail="master=refused,backup=503")
    assert told["cache"]["is_purged"] is True and told["cache"]["may_be_sent"] == "on_error"
    assert (told["outcome"]["status"], told["outcome"]["x_cache"]) == (200, "STALE")


def test_a_host_without_a_domain_and_one_that_is_offline(world):
    told = ask(world, host="absent.test")
    assert told["outcome"]["status"] == 421 and told["outcome"]["reason"] == "unknown_host" and "domain" not in told
    assert world.program.get("/", host="absent.test").status == 421
    told = ask(world, host="off.test")
    assert told["outcome"]["status"] == 404 and told["domain"] == "off.test"
    assert world.program.get("/", host="off.test").status == 404
    assert ask(world, host="cacheless.test")["cache"]["state"] == "off"


# What is assumed of master and backup, and how real origins do just that.
FAILS = [
    ("master=503", Reply(503, body=b"m"), None),
    ("master=503,backup=404", Reply(503, body=b"m"), Reply(404, body=b"b")),
    ("master=404", Reply(404, body=b"m"), None),
    ("master=412", Reply(412, body=b"m"), None),
    ("backup=503", None, Reply(503)),
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("fail, master, backup", FAILS, ids=[row[0] for row in FAILS])
def test_what_is_told_is_what_comes(world, make, method, fail, master, backup):
    path = f"/{method}/{fail}"
    for origin, reply in ((world.master, master), (world.backup, backup)):
        origin.on(path, reply or Reply(body=b"good"))
    before = len(world.master.requests), len(world.backup.requests)
    told = ask(world, path, method=method, fail=fail)
    real = world.program.ask(method, path, host=NAME)
    asked = len(world.master.requests) - before[0], len(world.backup.requests) - before[1]
    assert told["outcome"]["status"] == real.status, told
    assert tuple(sum(one["role"] == role for one in told["attempts"]) for role in ("origin", "backup")) == asked, told


def test_a_blocked_address_is_told_with_its_reason(make, world):
    dead = socket.socket()
    dead.bind(("127.0.0.1", 0))  # nobody listens there
    address = "127.0.0.1:%d" % dead.getsockname()[1]
    world.admin.ok("createDomain", domain("dead.test", address, backup=[world.backup.address]))
    wait_until(lambda: world.program.get("/", host="dead.test").status == 200, "the backup answers", 10)
    wait_until(lambda: ask(world, host="dead.test")["origins"][0]["addresses"][0]["state"] != "usable", "it is blocked", 10)
    told = ask(world, "/b", host="dead.test")
    (seen,) = told["origins"][0]["addresses"]
    assert seen["address"] == address and seen["reason"] == "connect_refused" and seen["of"] == "host", seen
    assert seen["is_usable"] is False
    assert [one["role"] for one in told["attempts"]] == ["backup"]
    dead.close()


def test_names_are_looked_up_for_it(world):
    world.admin.ok("createDomain", domain("named.test", "localhost:%s" % world.master.address.rpartition(":")[2]))
    wait_until(lambda: ask(world, host="named.test").get("domain"), "the domain is there", 10)
    told = ask(world, host="named.test")
    assert {one["name"] for one in told["origins"][0]["addresses"]} == {"localhost"}, told


@pytest.mark.parametrize("query", [
    {}, {"url": ""}, {"url": "/a"}, {"url": "ftp://a.test/"}, {"url": f"http://{NAME}/#a"}, {"url": f"http://{NAME}/", "method": "get"},
    {"url": f"http://{NAME}/", "method": "TRACE"}, {"url": f"http://{NAME}/", "fail": "refused"}, {"url": f"http://{NAME}/", "fail": "master=100"},
    {"url": f"http://{NAME}/", "more": "x"}, {"url": "http://" + "a" * 300 + "/"},
], ids=str)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused(world, query):
    answer = world.viewer.call("explainRequest", query=query)
    assert (answer.status, answer.problem) == (400, "bad-request"), answer


def test_an_edge_that_is_not_there_or_says_nothing(world):
    answer = world.viewer.call("explainRequest", query={"url": f"http://{NAME}/", "edge": "absent"})
    assert (answer.status, answer.problem) == (404, "no-such-edge")

    def say(peer, kind, payload):
        peer.sendall(struct.pack("<IBBBB", len(payload), kind, 0, 0, 0) + payload.encode())

    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(world.state / "control.socket"))
        say(peer, 1, json.dumps({"v": LINK_VERSION, "id": "mute", "run": "r", "store": "", "revision": 0, "purged": 0, "oldest": 0, "past": []}))
        wait_until(lambda: len(world.viewer.ok("listEdges")["items"]) == 2, "it is there", 10)
        query = {"url": f"http://{NAME}/", "edge": "mute"}
        answer = world.viewer.call("explainRequest", query=query)
        assert (answer.status, answer.problem) == (504, "no-answer"), answer
        assert ask(world)["edge"] != "mute"  # it has applied nothing
        say(peer, 16, json.dumps({"number": 999, "error": "", "answer": "{}"}))  # what was not asked
        wait_until(lambda: len(world.viewer.ok("listEdges")["items"]) == 1, "it is sent away", 10)


# ---- the command line ----


def test_the_command_tells_it_in_sentences(world, cli):
    out = cli.ok("explain", f"http://{NAME}/cli", "--fail", "master=refused")
    lines = out.splitlines()
    assert lines[0] == f"1. The domain {NAME} serves {NAME}."
    assert lines[1] == "2. The cache does not have it."
    assert world.master.address in lines[2] and "suppose that the origin refused the connection" in lines[2]
    assert lines[2].endswith("the hot backup origin is asked.")
    assert world.backup.address in lines[3]
    assert lines[4] == "5. The client gets 200, X-Cache: MISS, from the hot backup origin: it is pulled from the origin."
    assert lines[5].startswith("6. Should the body break off, its rest is asked for")
    assert f"cache key: {NAME}/cli" in out
    told = json.loads(cli.ok("explain", f"http://{NAME}/cli", "--json", "--method", "POST", "--fail", "master=timeout", "--fail=backup=503"))
    assert told["method"] == "POST" and told["outcome"]["status"] == 504
    assert "not sent again" in told["attempts"][0]["then"]


def test_what_the_command_refuses(world, cli):
    assert cli.run("explain").code == EXIT_USAGE
    done = cli.run("explain", "nonsense")
    assert done.code == EXIT_FAILED and "the parameter url is no URL" in done.errors
    done = cli.run("explain", f"http://{NAME}/", "--edge", "absent")
    assert done.code == EXIT_ABSENT and "no-such-edge" in done.errors
    done = cli.run("explain", f"http://{NAME}/", "--steps")
    assert done.code == EXIT_USAGE
    assert cli.run("explain", f"http://{NAME}/", HEADWATER_API="http://127.0.0.1:1").code == EXIT_UNREACHABLE
    assert "choose" in cli.ok("explain", "--steps", HEADWATER_API="http://127.0.0.1:1")
