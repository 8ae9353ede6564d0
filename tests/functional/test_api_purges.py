"""Purges by the API: what is refused, how far the edges are, and that what was purged is pulled again."""
import control
import pytest
from caching import wait_until
from control import domain
from origin import Reply

NAME = "purged.test"


@pytest.fixture(scope="module")
def world(make_once):
    """A plane with an edge, a domain, and its origin."""
    origin = make_once.origin("one")
    origin.default = Reply(fields=(("Cache-Control", "max-age=3600"), ("Cache-Tag", "all")), body=b"x")
    plane = control.Plane(make_once, "serve", flags={"cache_memory": "64m"})
    plane.admin.ok("createDomain", domain(NAME, origin.address))
    wait_until(lambda: plane.program.get("/", host=NAME).status == 200, "the domain is served", 10)
    plane.origin = origin
    return plane


@pytest.mark.parametrize("body,places", [
    ({}, ["/what"]), ({"what": "all", "values": ["x"]}, ["/what"]), ({"what": 5, "values": ["x"]}, ["/what"]), ({"what": "url"}, ["/values"]),
    ({"what": "url", "values": []}, ["/values"]), ({"what": "url", "values": "x"}, ["/values"]), ({"what": "url", "values": [5]}, ["/values/0"]),
    ({"what": "url", "values": ["/a"]}, ["/values/0"]), ({"what": "url", "values": ["ftp://purged.test/a"]}, ["/values/0"]),
    ({"what": "url", "values": ["http://absent.test/a"]}, ["/values/0"]), ({"what": "domain", "values": ["absent.test"]}, ["/values/0"]),
    ({"what": "url", "values": ["http://purged.test/a", "http://absent.test/a", 5]}, ["/values/1", "/values/2"]),
    ({"what": "tag", "values": ["a"]}, ["/domain"]), ({"what": "tag", "values": ["a"], "domain": "absent.test"}, ["/domain"]),
    ({"what": "domain", "values": [NAME], "domain": NAME}, ["/domain"]), ({"what": "domain", "values": [NAME], "mode": "softly"}, ["/mode"]),
    ({"what": "domain", "values": [NAME], "mode": None}, ["/mode"]), ({"what": "domain", "values": [NAME], "x": 1}, ["/x"]),
], ids=str)  # fmt: skip
def test_a_purge_that_makes_no_sense_is_refused(world, body, places):
    before = world.viewer.ok("listPurges")
    answer = world.operator.call("createPurge", body)
    assert answer.status == 422 and sorted(place for place, _ in answer.errors) == places, answer
    assert world.viewer.ok("listPurges") == before


def test_a_purge_has_128_values_at_most(world):
    urls = [f"http://{NAME}/many{number}" for number in range(129)]
    assert world.operator.call("createPurge", {"what": "url", "values": urls[:128]}).status == 202
    answer = world.operator.call("createPurge", {"what": "url", "values": urls})
    assert answer.status == 422 and answer.errors[0][0] in ("/values", "/values/128")


def test_a_purge_is_no_longer_than_edges_can_be_told(world):
    """One that is too long ends nobody: neither now nor at the next start."""
    before = world.viewer.ok("listPurges")
    for values in ([f"http://{NAME}/" + "x" * 300000], [f"http://{NAME}/{number}" + "x" * 7000 for number in range(100)]):
        answer = world.operator.call("createPurge", {"what": "url", "values": values})
        assert answer.status == 422 and answer.errors == [("/values", "range")], answer
    assert world.viewer.ok("listPurges") == before
    longest = world.operator.call("createPurge", {"what": "url", "values": [f"http://{NAME}/" + "x" * 261900]})
    assert longest.status == 202
    number = longest.json["number"]
    wait_until(lambda: world.viewer.ok("readPurge", number=number)["state"] == "done", "the edge has done the purge", 10)


PURGES = {
    "url": lambda path: {"what": "url", "values": [f"http://{NAME}{path}"]},
    "prefix": lambda path: {"what": "prefix", "values": [f"http://{NAME}{path[:4]}"]},
    "domain": lambda path: {"what": "domain", "values": [NAME]},
    "tag": lambda path: {"what": "tag", "values": ["all"], "domain": NAME},
}


@pytest.mark.parametrize("mode", ["hard", "soft"])
@pytest.mark.parametrize("what", PURGES)
def test_what_was_purged_is_pulled_again_once_it_is_done(world, what, mode):
    path = f"/{what}-{mode}"

    def pulls():
        return sum(request.path == path for request in world.origin.requests)

    for _ in range(2):
        assert world.program.get(path, host=NAME).status == 200
    assert pulls() == 1
    body = PURGES[what](path)
    made = world.operator.call("createPurge", {**body, "mode": mode})
    assert made.status == 202 and made.fields["Location"] == f"/api/v1/purges/{made.json['number']}"
    assert {key: made.json["purge"][key] for key in body} == body and made.json["purge"]["mode"] == mode

    def is_done():
        return world.viewer.ok("readPurge", number=made.json["number"])["state"] == "done"

    wait_until(is_done, "the edge has done the purge", 10)
    assert world.program.get(path, host=NAME).status == 200
    assert pulls() == 2
    progress = world.viewer.ok("readPurge", number=made.json["number"])
    (edge,) = progress["edges"]
    assert (edge["state"], edge["is_connected"]) == ("done", True)
    assert edge["edge"] == world.viewer.ok("listEdges")["items"][0]["id"]
    assert progress["who"] == "admin/test-operator"


def test_purges_are_listed_the_newest_first(world):
    for _ in range(5):
        world.operator.ok("createPurge", PURGES["domain"]("/"))
    seen, query = [], {"limit": 2}
    while True:
        answer = world.viewer.ok("listPurges", query=query)
        seen += [item["number"] for item in answer["items"]]
        if "next" not in answer:
            break
        query["before"] = answer["next"]
    assert seen == list(range(seen[0], 0, -1)) and len(seen) >= 5


@pytest.mark.parametrize("number", ["0", "999999999", "x", "-1", "99999999999999999999", "1.0"])
def test_a_purge_that_was_not_made_is_not_found(world, number):
    answer = world.viewer.send("GET", f"/api/v1/purges/{number}")
    assert (answer.status, answer.problem) == (404, "not-found")
