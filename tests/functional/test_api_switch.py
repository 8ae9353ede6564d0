"""The Master/Slave Switch, and draining an address, under load: what the API has answered is so 100 ms later."""
import threading
import time

import control
import pytest
from caching import wait_until
from control import domain
from load import Load

pytestmark = pytest.mark.racing

LIVE_S = 0.1  # origin-pull.md, section 5
NAME = "edge.test"
UNCACHED = {"cache": {"mode": "off"}}


@pytest.fixture
def origins(make):
    from origin import Reply

    made = [make.origin(name) for name in ("one", "two")]
    for origin in made:
        origin.default = Reply(body=origin.name.encode())
    return made


def serve(make, *, workers=2, **fields):
    plane = control.Plane(make, "serve", workers=workers)
    if fields:
        plane.admin.ok("createDomain", domain(NAME, **fields))
        wait_live(plane)
    return plane


def wait_live(plane):
    """Until every edge has the last revision."""

    def is_live():
        edges = plane.viewer.ok("listEdges")
        return edges["items"] and all(edge["applied"] == edges["revision"] for edge in edges["items"])

    wait_until(is_live, "the edges have the last revision", 10)


def made(make, origins, **fields):
    one, two = origins
    plane = control.Plane(make, "serve", workers=2)
    plane.admin.ok("createDomain", domain(NAME, one.address, backup=[two.address], **UNCACHED, **fields))
    wait_live(plane)
    return plane


class Watch(Load):
    """A load that remembers when each request began, and who answered it."""

    def __init__(self, plane, **options):
        self.answers = []
        self.is_kept = threading.Lock()
        super().__init__(plane.program.address, target="/x", host=NAME, expect=self._expect, **options)

    def _expect(self, response):
        with self.is_kept:
            self.answers.append((time.monotonic() - response.seconds, response.body.decode()))
        return response.status == 200 and response.body in (b"one", b"two")


def test_a_switch(make, origins):
    plane = made(make, origins)
    before = plane.admin.ok("readDomain", name=NAME)
    answer = plane.operator.call("switchDomain", name=NAME)
    assert answer.status == 200 and answer.json["revision"] == before["revision"] + 1
    assert answer.json["origin"]["addresses"] == before["backup"]["addresses"]
    assert answer.json["backup"]["addresses"] == before["origin"]["addresses"]
    time.sleep(LIVE_S)
    assert plane.program.get("/x", host=NAME).body == b"two"
    version = plane.viewer.ok("readDomainHistory", name=NAME, query={"limit": 1})["items"][0]
    one, two = before["origin"]["addresses"][0], before["backup"]["addresses"][0]
    assert (version["action"], version["revision"]) == ("domain.switch", answer.json["revision"])
    assert version["diff"] == [f"origin.addresses: {one} -> {two}", f"backup.addresses: {two} -> {one}"]


def test_there_must_be_something_to_switch_to(make, origins):
    plane = serve(make)
    plane.admin.ok("createDomain", domain(NAME, origins[0].address))
    for query in ({}, {"dry_run": "1"}):
        answer = plane.operator.call("switchDomain", name=NAME, query=query)
        assert (answer.status, answer.problem) == (409, "nothing-to-switch")
    assert plane.operator.call("switchDomain", name="absent.test").problem == "no-such-domain"


@pytest.mark.alone
def test_switches_under_load(make, origins):
    """No request fails, and whatever begins 100 ms after the answer is the new master's."""
    plane = made(make, origins)
    master, rounds = "one", []
    with Watch(plane, clients=8) as load:
        for _ in range(20):
            time.sleep(0.05)
            asked = time.monotonic()
            answer = plane.operator.call("switchDomain", name=NAME)
            answered = time.monotonic()
            assert answer.status == 200
            master = "two" if master == "one" else "one"
            since = answered + LIVE_S
            time.sleep(LIVE_S + 0.1)
            wait_until(lambda since=since: any(began >= since for began, _ in load.answers[-50:]), "somebody asks")
            rounds.append((since, time.monotonic(), master))
            assert answered - asked < 5
    assert load.failures == [] and load.count > 500, (load.count, load.failures[:5])
    for since, until, wanted in rounds:
        within = [who for began, who in load.answers if since <= began < until]
        assert within and set(within) == {wanted}, (wanted, within.count("one"), within.count("two"))


@pytest.mark.alone
def test_a_request_in_flight_ends_on_what_it_began_with(make, origins):
    from origin import Reply

    one, _ = origins
    one.on("/slow", Reply(body=b"one" * 1000, drip="body", drip_bytes=300, drip_s=0.1))
    plane = made(make, origins)
    with plane.program.connect() as slow:
        slow.request(target="/slow", host=NAME)
        wait_until(lambda: any(request.path == "/slow" for request in one.requests), "the request is at the origin")
        assert plane.operator.call("switchDomain", name=NAME).status == 200
        time.sleep(LIVE_S)
        assert plane.program.get("/x", host=NAME).body == b"two"
        response = slow.response()
    assert response.status == 200 and response.body == b"one" * 1000


@pytest.mark.alone
def test_an_address_is_drained_and_given_back_under_load(make, origins):
    one, two = origins
    plane = control.Plane(make, "serve", workers=2)
    plane.admin.ok("createDomain", domain(NAME, one.address, two.address, **UNCACHED))
    wait_live(plane)
    with Watch(plane, clients=8) as load:
        time.sleep(0.5)
        for address, left in ((one.address, "two"), (two.address, "one")):
            weigh = {"role": "origin", "address": address, "weight": 0}
            assert plane.operator.call("weighAddress", weigh, name=NAME).status == 200
            since = time.monotonic() + LIVE_S
            time.sleep(LIVE_S + 0.5)
            until = time.monotonic()
            within = {who for began, who in load.answers if since <= began < until}
            assert within == {left}
            assert plane.operator.call("weighAddress", {**weigh, "weight": 1}, name=NAME).status == 200
            time.sleep(LIVE_S)
            since = time.monotonic()
            time.sleep(0.5)
            assert {who for began, who in load.answers if began >= since} == {"one", "two"}
    assert load.failures == [], load.failures[:5]


@pytest.mark.parametrize("change,target", [
    (("stopDomain", None), 404),
    (("deleteDomain", None), 421),
], ids=["stop", "delete"])  # fmt: skip
def test_a_domain_that_goes_is_gone_within_the_same_time(make, origins, change, target):
    plane = made(make, origins)
    assert plane.program.get("/x", host=NAME).status == 200
    operation, body = change
    assert plane.admin.call(operation, body, name=NAME, fields={"If-Match": "*"}).status in (200, 204)
    time.sleep(LIVE_S)
    assert plane.program.get("/x", host=NAME).status == target


def test_a_new_domain_is_served_within_the_same_time(make, origins):
    plane = made(make, origins)
    assert plane.program.get("/x", host="new0.test").status == 421
    for number in range(10):
        name = f"new{number}.test"
        assert plane.admin.call("createDomain", domain(name, origins[0].address)).status == 201
        time.sleep(LIVE_S)
        assert plane.program.get("/x", host=name).body == b"one"


def test_a_dry_run_changes_nothing_at_the_edge(make, origins):
    plane = made(make, origins)
    revision = plane.viewer.ok("listEdges")["revision"]
    assert plane.operator.call("switchDomain", name=NAME, query={"dry_run": "1"}).status == 200
    time.sleep(LIVE_S)
    assert plane.program.get("/x", host=NAME).body == b"one"
    assert plane.viewer.ok("listEdges")["revision"] == revision


def test_edges_tell_what_they_have(make, origins):
    plane = made(make, origins)
    status = plane.viewer.ok("status")
    assert (status["edges"], status["managed_by"], status["store"]["works"]) == (1, "store", True)
    assert status["store"]["bytes"] > 0
    (edge,) = plane.viewer.ok("listEdges")["items"]
    assert edge["applied"] == status["revision"] == 1 and "refused" not in edge
    assert abs(edge["since_ms"] / 1000 - time.time()) < 120
