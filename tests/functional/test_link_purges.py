"""Purges that the control plane is asked for: done by the edge, in order, and not twice."""
import os
import signal
import time

import control
from caching import says, wait_until, word
from control import domain

NAME = "edge.test"


def served(make, **options):
    origin = make.origin("one")
    origin.default = says("Cache-Control: max-age=1000", body=b"kept")
    plane = control.Plane(make, "serve", workers=2, **options)
    plane.admin.ok("createDomain", domain(NAME, origin.address))
    wait_until(lambda: get(plane).status == 200, "the domain is live", 10)
    return plane, origin


def get(plane):
    return plane.program.get("/x", host=NAME)


def purge(plane, **what):
    answer = plane.operator.send("POST", "/api/v1/purges", {"what": "domain", "values": [NAME], **what})
    assert answer.status == 202, answer
    return answer.json["number"]


def wait_done(plane, number):
    def is_done():
        edges = plane.viewer.send("GET", f"/api/v1/purges/{number}").json["edges"]
        return edges and all(edge["state"] == "done" for edge in edges)

    wait_until(is_done, f"purge {number} is done", 15)


def test_a_purge_is_done_by_the_edge(make):
    plane, origin = served(make)
    assert word(get(plane)) == "HIT"
    number = purge(plane)
    wait_done(plane, number)
    assert word(get(plane)) == "MISS"
    assert word(get(plane)) == "HIT"
    soft = purge(plane, mode="soft", what="url", values=[f"http://{NAME}/x"])
    assert soft == number + 1
    wait_done(plane, soft)
    before = len(origin.requests)
    assert word(get(plane)) != "HIT"
    assert len(origin.requests) == before + 1


def restart(plane):
    plane.program.start()
    plane.find_address()
    plane.wait_open()
    for role in ("viewer", "operator", "admin"):
        getattr(plane, role).address = plane.address
    wait_until(lambda: plane.viewer.send("GET", "/api/v1/edges").json["items"], "the edge is connected", 15)


def with_disk(make, folder):
    """What was kept after a purge is still there after a restart."""
    plane, _ = served(make, flags={"cache_memory": "16m", "cache_disks": f"{folder}/disk:64m"})
    wait_done(plane, purge(plane))
    assert word(get(plane)) == "MISS"
    assert word(get(plane)) == "HIT"
    plane.program.stop()
    return plane


def test_what_was_done_before_a_restart_is_not_done_again(make, tmp_path):
    plane = with_disk(make, tmp_path)
    restart(plane)
    time.sleep(0.5)  # more than it takes where it is
    assert word(get(plane)) == "HIT"
    wait_done(plane, purge(plane))
    assert word(get(plane)) == "MISS"


def test_who_does_not_know_what_was_done_does_it_again(make, tmp_path):
    plane = with_disk(make, tmp_path)
    (plane.state / "domains.ledger").unlink()
    restart(plane)
    wait_until(lambda: word(get(plane)) == "MISS", "the purge is done again", 10)


def test_a_purge_is_not_done_while_the_edge_is_on_its_way_back(make):
    """Who has just lost its control plane serves what it has, so nothing is done that it has not done."""
    plane, _ = served(make)
    wait_done(plane, purge(plane))
    plane.program.is_broken_fine = True
    for _ in range(3):
        assert word(get(plane)) in ("MISS", "HIT")
        assert word(get(plane)) == "HIT"
        [old] = plane.program.control_pids()
        os.kill(old, signal.SIGKILL)
        wait_until(lambda old=old: plane.program.control_pids() not in ([], [old]), "there is another one", 10)
        plane.wait_open()
        number = purge(plane)
        wait_until(lambda: plane.viewer.send("GET", f"/api/v1/purges/{number}").json["state"] == "done", "it is done", 15)
        assert word(get(plane)) == "MISS"
