"""What edges count reaches GET /api/v1/stats once, whoever ends in between."""
import os
import signal

import control
import pytest
from caching import wait_until
from control import domain
from origin import Reply

NAME = "counted.test"
REPORTED = 40  # seconds: a report comes every 10


@pytest.fixture(scope="module")
def world(make_once):
    origin = make_once.origin("one")
    origin.default = Reply(body=b"0123456789")
    plane = control.Plane(make_once, "serve", flags={"cache_memory": "64m"})
    plane.admin.ok("createDomain", domain(NAME, origin.address, cache={"mode": "off"}))
    wait_until(lambda: plane.program.get("/", host=NAME).status == 200, "the domain is served", 10)
    plane.origin = origin
    plane.asked = len(origin.requests)
    return plane


def ask(world, count):
    for _ in range(count):
        assert world.program.get("/", host=NAME).status == 200
    world.asked += count


def totals(world, part="client", **query):
    return world.viewer.ok("readStats", query={"domain": NAME, **query})[part]["total"]


def is_told(world):
    requests = totals(world)["requests"]
    # Those before the domain was there are another one's.
    assert requests <= world.asked, (requests, world.asked)
    return requests == world.asked


def test_what_was_asked_is_told_by_domain_and_role(world):
    ask(world, 7)
    wait_until(lambda: is_told(world), "all requests are told", REPORTED)
    stats = world.viewer.ok("readStats", query={"domain": NAME})
    client, origin = stats["client"]["total"], stats["origin"]["total"]
    assert client["status_2xx"] == client["requests"] == world.asked and client["bytes_out"] == 10 * world.asked
    assert origin["pulls"] == origin["status_2xx"] == world.asked and origin["bytes"] == 10 * world.asked
    assert stats["backup"]["total"]["pulls"] == 0 and stats["backup"]["series"] == []
    assert sum(point["requests"] for point in stats["client"]["series"]) == world.asked
    every = world.viewer.ok("readStats")
    assert "domain" not in every and every["client"]["total"]["requests"] >= world.asked
    assert totals(world, to_ms=stats["from_ms"])["requests"] == 0


def test_failures_are_told_by_their_reason(world):
    name = "refused.test"
    world.admin.ok("createDomain", domain(name, "127.0.0.1:1"))
    wait_until(lambda: world.program.get("/", host=name).status == 502, "the domain fails", 10)

    def faults(part):
        return world.viewer.ok("readStats", query={"domain": name})[part]["total"].get("faults", {})

    wait_until(lambda: faults("origin"), "the failures are told", REPORTED)
    assert set(faults("origin")) <= {"connect_refused", "all_blocked"} and faults("origin")["connect_refused"] >= 1
    assert sum(faults("client").values()) >= 1 and faults("backup") == {}


@pytest.mark.parametrize("who,number", [("control", signal.SIGKILL), ("control", signal.SIGTERM), ("edge", signal.SIGTERM)], ids=str)
def test_nothing_is_counted_twice_or_lost_when_a_process_ends(world, who, number):
    def serves():
        try:
            return world.program.get("/", host=NAME).status == 200
        except OSError:
            return False

    ask(world, 5)
    wait_until(lambda: is_told(world), "all requests are told", REPORTED)
    ended = world.program.child_pids(who)
    for pid in ended:
        os.kill(pid, number)
    if who == "control":
        ask(world, 3)  # while nobody hears of them
    wait_until(lambda: set(world.program.child_pids(who)) - set(ended), "another one is there", 20)
    world.wait_open()
    if who == "edge":
        before = len(world.origin.requests)
        wait_until(serves, "the other one serves", 20)
        world.asked += len(world.origin.requests) - before
    ask(world, 2)
    wait_until(lambda: is_told(world), "all requests are told", REPORTED)


def test_how_long_requests_took_is_told(world):
    """The origin takes its time to begin; so the head comes late, and the end with it."""
    name = "slow.test"
    world.origin.on("/slow", Reply(body=b"slow", delay=0.3))
    world.admin.ok("createDomain", domain(name, world.origin.address, cache={"mode": "off"}))
    wait_until(lambda: world.program.get("/slow", host=name).status == 200, "the domain is served", 10)
    for _ in range(3):
        world.program.get("/slow", host=name)

    def client():
        return world.viewer.ok("readStats", query={"domain": name})["client"]

    wait_until(lambda: client()["total"].get("whole_us", {}).get("count", 0) >= 4, "it is told", REPORTED)
    for times in (client()["total"]["first_byte_us"], client()["total"]["whole_us"], client()["series"][-1]["whole_us"]):
        assert 250_000 < times["p50"] <= times["p95"] <= times["p99"]


def test_the_last_hour_of_domains_is_told_in_one_answer(world):
    told = world.viewer.ok("readRecentStats", query={"domains": f"{NAME},absent.test"})
    assert [item["domain"] for item in told["items"]] == [NAME, "absent.test"]
    assert told["to_ms"] - told["from_ms"] == 3600_000
    # The minute that has just ended may not be known yet.
    assert all(item["total"] == sum(count or 0 for count in item["requests"]) for item in told["items"])
    assert told["items"][1]["total"] == 0


def test_what_nothing_is_known_of_is_told_from_what_had_nothing(world):
    """There were edges in the last minute, and nothing before the control plane began."""
    stats = world.viewer.ok("readStats", query={"domain": "absent.test"})
    assert stats["gaps"] and stats["gaps"][0]["from_ms"] == stats["from_ms"]
    end = stats["gaps"][-1]["to_ms"]
    assert stats["client"]["series"] == [] and end <= stats["to_ms"]
