"""How the edges find addresses, as the API tells it, and what happens, as it happens."""
import http.client
import json
import threading
import time

import control
import pytest
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
    assert 20_000 < told["left_ms"] <= 66_000  # blocks are of slightly different lengths
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


class Listener:
    """Reads a stream of events."""

    def __init__(self, api, address, timeout=30, path="/api/v1/events"):
        self.connection = http.client.HTTPConnection(*address, timeout)
        self.connection.request("GET", path, headers=api.fields)
        self.response = self.connection.getresponse()
        assert self.response.status == 200 and self.response.getheader("Content-Type") == "text/event-stream"
        self.comments = 0
        self.seen = []

    def next(self, name=None, **wanted):
        """The data of the next event of a name that has these members; None at the end."""
        found, said = None, {}
        end = time.monotonic() + 40
        while (line := self.response.readline().decode()) != "":
            assert time.monotonic() < end, (name, wanted, self.seen)
            if line.startswith(":"):
                self.comments += 1
            elif line != "\n":
                key, _, value = line.rstrip("\n").partition(": ")
                said[key] = value
            elif "event" in said:
                found, said = (said["event"], json.loads(said["data"])), {}
                self.seen.append(found)
                if name in (None, found[0]) and wanted.items() <= found[1].items():
                    return found[1]
            else:
                said = {}
        return None

    def close(self):
        self.connection.close()


@pytest.fixture
def listen(make):
    return lambda plane, who=None: make.closing.add(Listener(who or plane.viewer, plane.address), Listener.close)


def test_a_block_is_told_at_once(make, listen):
    plane, master, _ = served(make, flags={"block_time": "3s", "ramp_time": "1s"})
    listener = listen(plane)
    begin = listener.next("begin")
    assert len(begin["edges"]) == 1 and begin["revision"] == 1
    time.sleep(2)  # the edge has told how things are
    master.down()
    for number in range(4):
        plane.program.get(f"/{number}", host=NAME)
    told = listener.next("health", state="blocked")
    assert (told["was"], told["domain"], told["address"], told["roles"]) == ("usable", NAME, master.address, ["origin"])
    assert told["reason"] == "connect_refused" and told["edge"] == begin["edges"][0]["id"]
    assert time.time() * 1000 - told["blocked_since_ms"] < 5000
    master.up()
    wait_until(lambda: plane.program.get("/again", host=NAME).status == 200, "it is served", 5)
    # States between are too short to be told each.
    told = listener.next("health", was="blocked", address=master.address)
    assert told["state"] in ("probing", "ready"), told


def test_revisions_and_edges_are_told(make, listen):
    plane, _, _ = served(make)
    listener = listen(plane)
    revision = listener.next("begin")["revision"]
    plane.admin.ok("stopDomain", name=NAME)
    made = listener.next("revision")
    if made["revision"] == revision:  # what was there before may be applied a moment later
        made = listener.next("revision")
    assert (made["what"], made["revision"]) == ("made", revision + 1)
    applied = listener.next("revision")
    assert (applied["what"], applied["revision"], applied["edges"]) == ("applied", revision + 1, 1)


def test_a_token_that_is_taken_back_ends_its_stream(make, listen):
    plane = control.Plane(make)
    made = plane.admin.ok("createToken", {"label": "listener", "role": "viewer"})
    listener, other = listen(plane, plane.bearer(made["token"])), listen(plane)
    assert listener.next("begin") and other.next("begin")
    plane.admin.ok("deleteToken", id=made["id"])
    assert listener.next() is None
    plane.admin.ok("createDomain", domain("late.test"))
    assert other.next("revision")["what"] == "made"
    assert other.comments >= 1


def test_the_end_of_the_control_plane_ends_streams(make, listen):
    plane = control.Plane(make)
    listener = listen(plane)
    assert listener.next("begin")
    begun = time.monotonic()
    plane.program.process.terminate()
    assert listener.next() is None  # whole: an answer that is cut off raises
    assert plane.program.process.wait(20) == 0
    assert time.monotonic() - begun < 10


def test_how_much_is_pulled_from_each_address_is_told_every_second(make):
    plane, master, backup = served(make)
    path = "/api/v1/events?domain=" + NAME.upper()
    listener = make.closing.add(Listener(plane.viewer, plane.address, path=path), Listener.close)
    edge = listener.next("begin")["edges"][0]["id"]

    def rates(wanted):
        """Those of the first event in which they are as wanted."""
        while True:
            told = listener.next("addresses")
            assert (told["edge"], told["domain"]) == (edge, NAME)
            found = {(item["address"], *item["roles"]): item.get("attempts_per_s", 0) for item in told["items"]}
            if wanted(found):
                return found

    stop = threading.Event()

    def ask():
        while not stop.is_set():
            plane.program.get(f"/{time.monotonic()}", host=NAME)
            time.sleep(0.01)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        found = rates(lambda found: found.get((master.address, "origin"), 0) > 5)
        assert found.get((backup.address, "backup"), 0) == 0
        master.down()
        found = rates(lambda found: found.get((backup.address, "backup"), 0) > 5)
    finally:
        stop.set()
        asking.join()
    rates(lambda found: not any(found.values()))
    told = plane.viewer.ok("readDomainHealth", name=NAME)
    assert told["backup"][0]["edges"][0]["attempts"] > 0
