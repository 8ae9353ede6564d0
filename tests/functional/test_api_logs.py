"""The access log as it is told to who listens: GET /api/v1/logs/tail, from the edge's workers to the stream."""
import json
import os
import signal
import time
import urllib.parse

import control
import pytest
from caching import wait_until
from control import domain
from origin import Reply
from test_api_health import Listener

NAME, OTHER = "logged.test", "other.test"


@pytest.fixture(scope="module")
def world(make_once):
    master, backup = make_once.origin("master"), make_once.origin("backup")
    master.default = backup.default = Reply(body=b"0123456789")
    master.on("/bad", Reply(status=503))
    backup.on("/bad", Reply(status=503))
    master.on("/over", Reply(status=503))
    plane = control.Plane(make_once, "serve", flags={"cache_memory": "64m", "workers": 2})
    plane.admin.ok("createDomain", domain(NAME, master.address, backup=[backup.address]))
    plane.admin.ok("createDomain", domain(OTHER, master.address))
    for name in (NAME, OTHER):
        wait_until(lambda: plane.program.get("/", host=name).status == 200, "the domain is served", 10)
    plane.master, plane.backup = master, backup
    return plane


@pytest.fixture
def listen(make, world):
    def begin(**query):
        path = "/api/v1/logs/tail?" + urllib.parse.urlencode(query)
        listener = make.closing.add(Listener(world.viewer, world.address, path=path), Listener.close)
        assert listener.next("begin")["edges"] == 1
        time.sleep(0.3)  # the edge has been asked
        return listener

    return begin


def test_a_request_is_told_with_its_attempts_though_no_log_is_written(world, listen):
    listener = listen()
    begun = time.monotonic()
    world.program.get("/over?a=1", host=NAME)
    told = listener.next("request")
    assert time.monotonic() - begun < 5
    assert (told["domain"], told["method"], told["path"], told["status"], told["client"]) == (NAME, "GET", "/over?a=1", 200, "127.0.0.1")
    assert [(attempt["role"], attempt["address"], attempt["status"], attempt["next"]) for attempt in told["attempts"]] == [
        ("master", world.master.address, 503, "backup"), ("backup", world.backup.address, 200, "deliver")]  # fmt: skip
    assert told["edge"] == world.viewer.ok("listEdges")["items"][0]["id"]
    assert abs(told["ms"]) < 10000 and told["end"] == "complete" and told["fault"] == "none"


CONDITIONS = {
    "domain": ({"domain": OTHER}, ("/a", OTHER)),
    "domain in another case": ({"domain": OTHER.upper()}, ("/a", OTHER)),
    "status": ({"status": "503"}, ("/bad", NAME)),
    "class": ({"status": "5xx"}, ("/bad", NAME)),
    "path": ({"path": "/deep/"}, ("/deep/er", NAME)),
    "several attempts": ({"retried": 1}, ("/over?b", NAME)),
    "backup": ({"backup": 1}, ("/over?c", NAME)),
    "failed": ({"failed": 1, "domain": ""}, ("/x", "absent.test")),
    "both": ({"path": "/over", "domain": NAME, "client": "127.0.0.0/8", "backup": 1}, ("/over?d", NAME)),
}


@pytest.mark.parametrize("row", CONDITIONS)
def test_only_what_is_asked_for_is_told(world, listen, row):
    query, (path, name) = CONDITIONS[row]
    query = {key: value for key, value in query.items() if value != ""}
    listener = listen(**query)
    world.program.get("/c", host=NAME)
    world.program.get(path, host=name)
    told = listener.next("request")
    assert (told["path"], told["host"]) == (path, name)
    assert len([event for event in listener.seen if event[0] == "request"]) == 1


def test_another_client_is_not_told_of(world, listen):
    listener = listen(client="192.0.2.0/24")
    world.program.get("/", host=NAME)
    time.sleep(1)
    listener.connection.sock.settimeout(0.2)
    with pytest.raises(OSError):
        listener.next("request")


def test_what_the_cache_did_can_be_asked_for(world, listen):
    world.master.on("/kept", Reply(body=b"kept", fields=[("Cache-Control", "max-age=600")]))
    listener = listen(cache="HIT", domain=NAME)
    for _ in range(2):
        world.program.get("/kept", host=NAME)
    told = listener.next("request")
    assert (told["path"], told["cache"], told["attempts"]) == ("/kept", "HIT", [])


@pytest.mark.parametrize("query", ["status=99", "status=6xx", "client=nobody", "path=" + "a" * 1025, "cache=" + "a" * 33, "failed=x", "other=1"])
def test_what_is_no_condition_is_refused(world, query):
    answer = world.viewer.send("GET", "/api/v1/logs/tail?" + query)
    assert (answer.status, answer.problem) == (400, "bad-request")


def test_what_there_is_no_room_for_is_told_and_not_lost_in_silence(world, listen):
    """A stream that is read slowly misses some, and is told how many; what is asked of the edge goes on."""
    listener = listen(domain=NAME, path="/many")
    long = "/many?" + "a" * 7000
    asked = 0
    end = time.monotonic() + 60
    while time.monotonic() < end and asked < 2500:
        world.program.get(long, host=NAME)
        asked += 1
    told = left_out = 0
    while told + left_out < asked:
        name, data = None, None
        event = listener.next()
        name, data = listener.seen[-1]
        assert event is not None, (told, left_out, asked)
        told += name == "request"
        left_out += data["left_out"] if name == "left_out" else 0
    assert told + left_out == asked


def test_another_edge_process_is_asked_as_well(world, listen):
    listener = listen(domain=NAME, path="/after")
    before = world.program.child_pids("edge")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: set(world.program.child_pids("edge")) - set(before), "another one is there", 20)

    def is_served():
        try:
            return world.program.get("/served", host=NAME).status == 200
        except OSError:
            return False

    wait_until(is_served, "it serves", 20)
    wait_until(lambda: any(edge["is_connected"] for edge in world.viewer.ok("listEdges")["items"]), "it is connected", 20)
    time.sleep(0.5)
    world.program.get("/after", host=NAME)
    assert listener.next("request")["path"] == "/after"


def test_so_many_streams_are_open_and_no_more(make):
    plane = control.Plane(make)
    path = "/api/v1/logs/tail"
    listeners = [make.closing.add(Listener(plane.viewer, plane.address, path=path), Listener.close) for _ in range(16)]
    assert all(listener.next("begin")["edges"] == 0 for listener in listeners)
    answer = plane.viewer.send("GET", path)
    assert (answer.status, answer.problem) == (503, "overloaded")
    listeners[0].close()
    wait_until(lambda: plane.viewer.send("GET", path).status == 200, "there is room for another one", 10)


def test_all_who_listen_are_told(world, listen):
    listeners = [listen(path="/to-all"), listen(), listen(domain=NAME, status="2xx")]
    world.program.get("/to-all", host=NAME)
    assert len({json.dumps(listener.next("request", path="/to-all")) for listener in listeners}) == 1
