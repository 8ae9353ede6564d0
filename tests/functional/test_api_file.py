"""A file manages the domains: all else of the API is as ever."""
import os
import signal
import time

import control
import pytest
from caching import says, wait_until, word
from control import domain
from test_link_purges import NAME, get, purge, wait_done


@pytest.fixture
def world(make):
    origin = make.origin("one")
    origin.default = says("Cache-Control: max-age=1000", body=b"kept")
    domains = [{"name": NAME, "origin": {"addresses": [origin.address]}}]
    plane = control.Plane(make, "serve", domains=domains, workers=2)
    wait_until(lambda: plane.viewer.ok("listEdges")["items"], "the edge is connected", 10)
    return plane, origin


def test_domains_are_the_files(world):
    plane, _ = world
    refused = plane.admin.call("createDomain", domain("other.test", "192.0.2.1"))
    assert refused.status == 409 and refused.problem == "managed-by-file", refused
    assert [one["name"] for one in plane.viewer.ok("listDomains")["items"]] == [NAME]


def test_purges_are_done_and_kept(world):
    plane, origin = world
    assert [word(get(plane)) for _ in range(2)] == ["MISS", "HIT"]
    wait_done(plane, purge(plane))
    assert [word(get(plane)) for _ in range(2)] == ["MISS", "HIT"]
    # The next edge finds what the cache has, and is not told again what was done.
    [edge] = plane.program.edge_pids()
    plane.program.is_broken_fine = True
    os.kill(edge, signal.SIGKILL)
    wait_until(lambda: plane.program.edge_pids() not in ([], [edge]), "there is another edge", 10)
    wait_until(lambda: plane.viewer.ok("listEdges")["items"][0]["is_connected"], "it is connected", 10)
    assert word(get(plane)) == "HIT"
    wait_done(plane, purge(plane))
    assert word(get(plane)) == "MISS"
    # Nor the one after a restart of everything, whose cache is empty: it knows what was done.
    plane.program.stop()
    plane.program.start()
    plane.find_address()
    plane.wait_open()
    plane.viewer.address = plane.operator.address = plane.address
    wait_until(lambda: plane.viewer.ok("listEdges")["items"], "the edge is connected", 15)
    assert plane.viewer.ok("listEdges")["items"][0]["purged"] == 2
    wait_done(plane, purge(plane))


def test_what_edges_say_is_shown(world):
    plane, _ = world
    assert get(plane).status == 200
    explained = plane.viewer.ok("explainRequest", query={"url": f"http://{NAME}/x"})
    assert explained["domain"] == NAME
    [address] = plane.viewer.ok("readDomainHealth", name=NAME)["origin"]
    assert [edge["state"] for edge in address["edges"]] == ["usable"]
    wait_until(lambda: plane.viewer.ok("readStats", query={"domain": NAME})["client"]["total"]["requests"] == 1, "it was counted", 30)


def test_a_change_of_the_file_goes_on_being_live(world, make):
    """The edge hears of both at once, and one does not take the other's place."""
    plane, _ = world
    other = make.origin("two")
    other.default = says(body=b"other")
    plane.program.write_domains([{"name": NAME, "origin": {"addresses": [other.address]}}])
    wait_until(lambda: plane.program.get(f"/{time.monotonic()}", host=NAME).body == b"other", "the change is live", 10)
    wait_done(plane, purge(plane))
