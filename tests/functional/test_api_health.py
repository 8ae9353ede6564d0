"""How the edges find addresses, as the API tells it: blocked ones, such as nobody pulls from, and both origins."""
import time

import control
from caching import wait_until
from control import domain

NAME = "edge.test"


def served(make, *, backup=True, flags=(), **options):
    """A plane with an edge, and a domain whose master is down."""
    master, other = make.origin("master"), make.origin("backup")
    plane = control.Plane(make, "serve", flags=flags, **options)
    plane.admin.ok("createDomain", domain(NAME, master.address, backup=[other.address] if backup else []))
    wait_until(lambda: plane.program.get("/", host=NAME).status == 200, "the domain is live", 15)
    return plane, master, other


def state_of(plane, role="origin", index=0):
    (told,) = plane.viewer.ok("readDomainHealth", name=NAME)[role][index]["edges"]
    return told["state"], told


def block(plane, master):
    """Has the edge find that the master is down."""
    master.down()
    for number in range(4):
        plane.program.get(f"/{number}?{time.monotonic()}", host=NAME)
    wait_until(lambda: state_of(plane)[0] == "blocked", "the master is blocked", 15)


def test_each_address_is_told_also_what_nobody_pulls_from(make):
    origin, backup = make.origin("master"), make.origin("backup")
    plane = control.Plane(make, "serve")
    plane.admin.ok("createDomain", domain(NAME, origin.address, backup=[backup.address]))
    wait_until(lambda: plane.program.get("/", host=NAME).status == 200, "the domain is live", 15)
    # The very first answer has what the edge tells: it is waited for.
    told = plane.viewer.ok("readDomainHealth", name=NAME)
    assert told["name"] == NAME and len(told["edges"]) == 1 and "age_ms" in told["edges"][0]
    (first,) = told["origin"]
    assert first["address"] == origin.address and first["weight"] == 1
    assert (first["edges"][0]["state"], first["edges"][0]["address"]) == ("usable", origin.address)
    (second,) = told["backup"]
    assert [(one["state"], one["successes"], one["failures"]) for one in second["edges"]] == [("usable", 0, 0)]
    assert told["others"] == []
    assert plane.viewer.ok("readHealth")["items"] == []
    found = plane.viewer.ok("readHealth", query={"all": "1"})["items"]
    assert sorted((one["domain"], one["roles"], one["state"]) for one in found) == [
        (NAME, ["backup"], "usable"), (NAME, ["origin"], "usable")]  # fmt: skip


def test_a_blocked_address_is_told_with_its_reason_and_what_is_left(make):
    plane, master, _ = served(make, flags={"block_time": "60s"})
    block(plane, master)
    state, told = state_of(plane)
    assert told["reason"] == "connect_refused" and told["of"] == "host"
    assert abs(told["blocked_since_ms"] - time.time() * 1000) < 30_000
    assert 20_000 < told["left_ms"] <= 60_000
    health = plane.viewer.ok("readHealth")
    (item,) = health["items"]
    assert (item["state"], item["address"], item["roles"], item["domain"]) == ("blocked", master.address, ["origin"], NAME)
    assert health["edges"][0]["exceptional"] == 1 and health["left_out"] == 0
    # Who changes the origins still sees what is known of the old ones.
    other = make.origin("other")
    plane.admin.ok("changeOrigin", {"addresses": [other.address]}, name=NAME, fields={"If-Match": "*"})
    (left,) = [one for one in plane.viewer.ok("readDomainHealth", name=NAME)["others"] if one["address"] == master.address]
    assert left["state"] == "blocked"


def test_without_edges_there_is_nothing_to_wait_for(make):
    plane = control.Plane(make)
    plane.admin.ok("createDomain", domain(NAME))
    begun = time.monotonic()
    assert plane.viewer.ok("readHealth") == {"edges": [], "items": [], "left_out": 0}
    told = plane.viewer.ok("readDomainHealth", name=NAME)
    assert told["origin"] == [{"address": "192.0.2.1", "weight": 1, "edges": []}] and told["backup"] is None
    assert time.monotonic() - begun < 5
    assert plane.viewer.call("readDomainHealth", name="absent.test").problem == "no-such-domain"
