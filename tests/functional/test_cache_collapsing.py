"""A crowd that asks for one object costs one origin-pull, and nobody in it waits for anybody else."""
import threading
import time

import client
import content
import pytest
import wire
from caching import FRESH, STALE, Apart, Site, at_once, crowd, purge, read_until, says, status_of, wait_until, word
from domains import SLACK, domain, origin_of
from origin import Generated, Reply

pytestmark = pytest.mark.racing

MIB = 1 << 20


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_fifty_clients_cost_one_pull(make, workers, framing):
    site = Site(make, workers=workers)
    site.says("/a", FRESH, body=Generated("c", 200_000), framing=framing, delay=0.5)
    responses = at_once(site.server, 50, "/a")
    assert len(site.pulls("/a")) == 1
    digest = content.digest("c", 200_000)
    assert {(response.status, response.digest) for response in responses} == {(200, digest)}
    assert all(response.seconds < 0.5 + SLACK for response in responses)
    collapsed = [response for response in responses if "collapsed" in status_of(response)]
    assert len(collapsed) == 49 or len(collapsed) == 49 - sum(word(response) == "HIT" for response in responses)
    assert word(site.get("/a")) == "HIT"


# name -> (what the master does, what the backup does, what everybody gets: (status, body or None))
PULLS = {
    "the master answers": (says(FRESH, body=b"master"), says(FRESH, body=b"backup"), (200, b"master"), 0),
    "the master fails with a status": (
        Reply(status=503, body=b"own"), says(FRESH, body=b"backup"), (200, b"backup"), 1),
    "the master breaks off": (Reply(cut="before", how="close"), says(FRESH, body=b"backup"), (200, b"backup"), 1),
    "the master is silent": (Reply(cut="before", how="hang"), says(FRESH, body=b"backup"), (200, b"backup"), 1),
    "both fail with a status": (Reply(status=503, body=b"own"), Reply(status=500, body=b"theirs"), (503, b"own"), 1),
    "the master breaks off, the backup fails": (
        Reply(cut="before", how="close"), Reply(status=503, body=b"theirs"), (503, b"theirs"), 1),
    "both break off": (Reply(cut="before", how="close"), Reply(cut="before", how="close"), (502, None), 1),
    "both are silent": (Reply(cut="before", how="hang"), Reply(cut="before", how="hang"), (504, None), 1),
    "both say 404": (Reply(status=404, body=b"own"), Reply(status=404, body=b"theirs"), (404, b"own"), 1),
}  # fmt: skip


@pytest.fixture(scope="module", name="failover")
def _failover(make_once, side_by_side):
    apart = Apart(make_once, {row: {} for row in PULLS}, backup=True, workers=2)

    def run(row):
        for origins, reply in ((apart.masters, PULLS[row][0]), (apart.backups, PULLS[row][1])):
            origins[row].default = Reply(**{**vars(reply), "delay": 0.4})
        responses = at_once(apart.server, 50, "/x", host=apart.hosts[row])
        return responses, apart.masters[row].requests, apart.backups[row].requests

    return side_by_side(run, PULLS)


@pytest.mark.parametrize("row", PULLS)
def test_a_crowd_costs_one_attempt_at_each_origin(failover, row):
    """origin-pull.md section 4: fifty clients cost one master attempt and one backup attempt, also when both fail."""
    responses, masters, backups = failover[row]
    _, _, (status, body), attempts = PULLS[row]
    assert {response.status for response in responses} == {status}
    if body is not None:
        assert {response.body for response in responses} == {body}
    else:
        assert all(response.error for response in responses)
    assert (len(masters), len(backups)) == (1, attempts)


def test_an_error_is_for_those_who_waited_and_not_for_later(make):
    site = Site(make)
    site.says("/a", status=503, body=b"down", delay=0.4)
    responses = at_once(site.server, 20, "/a")
    assert {(response.status, response.body) for response in responses} == {(503, b"down")}
    assert len(site.pulls("/a")) == 1
    site.says("/a", FRESH, body=b"up")
    assert site.get("/a").body == b"up"


def test_an_error_that_is_private_is_nobody_elses(make):
    site = Site(make)
    site.origin.on("/a", lambda request: says("Cache-Control: private", status=403, delay=0.3,
                                              body=request.fields.get("X-Who").encode()))  # fmt: skip
    responses = crowd(10, lambda number: site.get("/a", f"X-Who: {number}"))
    assert [response.body for response in responses] == [str(number).encode() for number in range(10)]


@pytest.mark.parametrize("status", [400, 401, 403, 406, 429, 431])
def test_what_a_request_brought_about_is_nobody_elses(make, status):
    """RFC 9111 4: who waits may only have what could be stored for it. An answer to one odd request is none of that."""
    site = Site(make, workers=2)
    site.origin.on("/a", lambda request: says(status=status, body=b"odd", delay=0.4) if "X-Odd" in request.fields
                   else says(FRESH, body=b"right"))  # fmt: skip
    with site.server.connect() as leader:
        leader.request(target="/a", fields=[("X-Odd", "1")])
        site.origin.wait(1)
        responses = at_once(site.server, 10, "/a")
        assert (leader.response().status, {response.body for response in responses}) == (status, {b"right"})
    if status not in (401, 403, 406):
        assert len(site.pulls("/a")) == 2 and site.is_kept("/a")


def test_what_who_has_credentials_got_stands_in_nobodys_way(make):
    """RFC 9111 3.5: such an answer is for one client, and tells nothing of what the others get. Who has some himself
    does not wait for it again.
    """
    site = Site(make, workers=2)
    site.says("/a", FRESH, body=b"x", delay=0.4)
    with site.server.connect() as leader:
        leader.request(target="/a", fields=[("Authorization", "Basic eDp5")])
        site.origin.wait(1)
        assert {response.body for response in at_once(site.server, 10, "/a")} == {b"x"}
        assert word(leader.response()) == "PASS"
    assert len(site.pulls("/a")) == 2 and site.is_kept("/a")
    site.says("/b", FRESH, body=b"x", delay=0.4)
    for _ in range(2):
        responses = crowd(10, lambda number: site.get("/b", f"Authorization: Basic {number}"))
        assert {word(response) for response in responses} == {"PASS"}
    assert max(response.seconds for response in responses) < 0.4 + SLACK


def test_who_has_credentials_does_not_get_what_others_without_any_got(make):
    """Origins hide what is private behind a 404 for who did not say who he is."""
    site = Site(make, workers=2)
    site.origin.on("/a", lambda request: says("Cache-Control: private", body=request.fields.get("Authorization").encode())
                   if "Authorization" in request.fields else says(status=404, body=b"none", delay=0.4))  # fmt: skip
    with site.server.connect() as leader:
        leader.request(target="/a")
        site.origin.wait(1)
        responses = crowd(10, lambda number: site.get("/a", f"Authorization: Basic {number}"))
        assert leader.response().status == 404
    assert [response.body for response in responses] == [f"Basic {number}".encode() for number in range(10)]


UNSHARED = {
    "private": ["Cache-Control: private"],
    "no-store": ["Cache-Control: no-store"],
    "a cookie": [FRESH, "Set-Cookie: a=b"],
    "Vary: *": [FRESH, "Vary: *"],
    "nothing said": [],
}


@pytest.fixture(scope="module", name="released")
def _released(make_once, side_by_side):
    site = Site(make_once, workers=2)

    def run(row):
        path = site.path()
        site.origin.on(path, lambda request: says(*UNSHARED[row], delay=0.5, body=request.fields.get("X-Who").encode()))
        first = crowd(12, lambda number: site.get(path, f"X-Who: {number}"))
        second = crowd(12, lambda number: site.get(path, f"X-Who: {number}"))
        return first, second, len(site.pulls(path))

    return side_by_side(run, UNSHARED)


@pytest.mark.parametrize("row", UNSHARED)
def test_an_answer_that_is_not_for_sharing_releases_everybody_at_once(released, row):
    """Each gets its own; who waited pulls at once, and next time nobody waits."""
    first, second, pulls = released[row]
    for responses in (first, second):
        assert [response.body for response in responses] == [str(number).encode() for number in range(12)]
        assert {word(response) for response in responses} == {"PASS"}
    assert pulls == 24
    assert max(response.seconds for response in first) < 2 * 0.5 + SLACK
    assert max(response.seconds for response in second) < 0.5 + SLACK


@pytest.mark.parametrize("lines", [("status", 403), ("private", 200)], ids=lambda row: row[0])
def test_who_is_refused_keeps_nothing_out_of_the_cache(make, lines):
    """RFC 9111 3: what another request got is no reason not to store what may be stored. Who asks whether it
    changed still asks the origin itself.
    """
    site = Site(make, workers=2)
    site.origin.on("/a", lambda request: says("Cache-Control: private", status=lines[1], body=b"odd") if "X-Odd" in request.fields
                   else says(FRESH, 'ETag: "a"', body=b"right"))  # fmt: skip
    assert site.get("/a", "X-Odd: 1").body == b"odd"
    assert word(site.get("/a", 'If-None-Match: "x"')) == "PASS" and "If-None-Match" in site.pulls("/a")[-1].fields
    assert word(site.get("/a", "X-Odd: 1")) == "PASS"
    assert [word(site.get("/a")) for _ in range(2)] == ["MISS", "HIT"]


def test_what_nobody_was_to_wait_for_is_waited_for_once_it_is_for_sharing(make):
    site = Site(make, workers=2)
    site.says("/a", "Cache-Control: private")
    site.get("/a")
    site.says("/a", FRESH, body=b"x" * 100_000, drip="body", drip_bytes=10_000, drip_s=0.05)
    with site.server.connect() as first:
        first.request(target="/a")
        read_until(first, 15_000)
        responses = at_once(site.server, 10, "/a")
        assert {response.body for response in [first.response(), *responses]} == {b"x" * 100_000}
    assert len(site.pulls("/a")) == 2


def test_different_urls_do_not_wait_for_each_other(make):
    site = Site(make)
    for number in range(10):
        site.says(f"/{number}", FRESH, body=b"x", delay=0.5)
    responses = crowd(10, lambda number: site.get(f"/{number}"))
    assert all(response.seconds < 0.5 + SLACK for response in responses) and len(site.origin.requests) == 10


def test_a_stale_object_is_validated_once_for_all(make):
    site = Site(make, workers=2)
    site.says("/a", *STALE, 'ETag: "a"', body=b"old")
    site.get("/a")
    site.says("/a", FRESH, 'ETag: "a"', status=304, delay=0.4)
    responses = at_once(site.server, 30, "/a")
    assert {(response.status, response.body) for response in responses} == {(200, b"old")}
    assert {word(response) for response in responses} <= {"REVALIDATED", "HIT"} and len(site.pulls("/a")) == 2


@pytest.mark.parametrize("outcome", ["is validated", "is late"])
def test_a_crowd_whose_stale_copy_is_purged_asks_again_together(make, outcome):
    site = Site(make, {"edge.test": {"stale": {"wait_ms": 500}}}, workers=2)
    site.says("/a", *STALE, 'ETag: "a"', body=b"old")
    site.get("/a")
    site.origin.on("/a", lambda request: says(FRESH, 'ETag: "a"', status=304, delay=0.4 if outcome == "is validated" else 1)
                   if "If-None-Match" in request.fields else says(FRESH, body=b"new", delay=0.4))  # fmt: skip
    crowd_of = threading.Thread(target=lambda: responses.extend(at_once(site.server, 30, "/a")))
    responses = []
    crowd_of.start()
    site.origin.wait(2)
    time.sleep(0.1)
    purge(site.server, "url", "http://edge.test/a")
    crowd_of.join()
    assert {response.body for response in responses} == {b"new"}
    assert len(site.pulls("/a")) <= 4


def test_a_stale_object_that_is_gone_is_asked_for_once_by_all(make):
    site = Site(make, workers=2)
    site.says("/a", *STALE, 'ETag: "a"', body=b"old")
    site.get("/a")
    site.says("/a", status=404, body=b"gone", delay=0.4)
    responses = at_once(site.server, 30, "/a")
    assert {(response.status, response.body) for response in responses} == {(404, b"gone")}
    assert len(site.pulls("/a")) == 2


@pytest.mark.parametrize("outcome", ["fails", "is late"])
def test_a_crowd_with_a_stale_copy_gets_that(make, outcome):
    site = Site(make, {"edge.test": {"stale": {"wait_ms": 400}}}, workers=2)
    site.says("/a", *STALE, 'ETag: "a"', body=b"old")
    site.get("/a")
    if outcome == "fails":
        site.says("/a", status=503, delay=0.3)
    else:
        site.says("/a", FRESH, body=b"new", delay=0.9)
    responses = at_once(site.server, 30, "/a")
    assert {(word(response), response.body) for response in responses} == {("STALE", b"old")}
    assert all(response.seconds < 0.4 + SLACK for response in responses) and len(site.pulls("/a")) == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_body_is_streamed_to_everybody_from_its_first_byte(make, workers):
    """Early and late: who joins in the middle begins at the beginning, at once."""
    site = Site(make, workers=workers)
    body = content.generate("g", 0, 60_000)
    site.says("/a", FRESH, body=body, drip="body", drip_bytes=30_000, drip_s=1.2)
    connections = []
    try:
        for _ in range(8):
            connections.append(site.server.connect())
            connections[-1].request(target="/a")
        for connection in connections:
            assert read_until(connection, 30_000) < 1.0
        late = site.server.connect()
        connections.append(late)
        late.request(target="/a")
        assert read_until(late, 30_000) < 0.8
        assert all(len(connection.buffer) < 50_000 for connection in connections)
        for connection in connections:
            assert connection.response().body == body
    finally:
        for connection in connections:
            connection.close()
    assert len(site.pulls("/a")) == 1


AGED = {
    "it has become stale": "Cache-Control: max-age=1",
    "it was stale when it came": "Cache-Control: max-age=0",
    "it is to be validated each time": "Cache-Control: no-cache, max-age=1000",
}


@pytest.mark.parametrize("row", AGED)
def test_an_answer_that_may_not_be_used_unasked_is_not_joined(make, row):
    """RFC 9111 4: who comes when the answer is there may have it only as if it came from the store. And the one that
    came last is remembered, though the other's body ends later.
    """
    site = Site(make, workers=2)
    body = content.generate("g", 0, 60_000)
    site.says("/a", AGED[row], 'ETag: "old"', body=body, drip="body", drip_bytes=10_000, drip_s=0.6)
    with site.server.connect() as early:
        early.request(target="/a")
        read_until(early, 10_000)
        time.sleep(1.2)
        site.says("/a", FRESH, 'ETag: "new"', body=b"new", delay=0.3)
        assert {response.body for response in at_once(site.server, 10, "/a")} == {b"new"}
        assert len(site.pulls("/a")) == 2
        assert early.response().body == body
    response = site.get("/a")
    assert (word(response), response.body) == ("HIT", b"new")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_slow_reader_slows_nobody(make, workers):
    site = Site(make, workers=workers)
    size = 6 * MIB
    site.says("/a", FRESH, body=Generated("s", size))
    digest = content.digest("s", size)
    with site.server.connect(receive_buffer=4096, timeout=30) as slow:
        slow.request(target="/a")
        site.origin.wait(1)
        responses = crowd(8, lambda _: site.get("/a", keep=False, timeout=20))
        assert {(response.size, response.digest) for response in responses} == {(size, digest)}
        assert max(response.seconds for response in responses) < 5
        response = slow.response(keep=False)
        assert (response.size, response.digest) == (size, digest)
    assert len(site.pulls("/a")) == 1


def test_the_only_reader_holds_the_pull_back(make):
    """fill.ahead: what nobody reads is not pulled without end."""
    site = Site(make, {"edge.test": {"fill": {"ahead": "1m"}}})
    size = 40 * MIB
    site.says("/a", FRESH, body=Generated("s", size))
    with site.server.connect(receive_buffer=65536, timeout=60) as slow:
        slow.request(target="/a")
        site.origin.wait(1)
        time.sleep(1.0)
        assert site.pulls("/a")[0].sent < 20 * MIB
        response = slow.response(keep=False)
        assert (response.size, response.digest) == (size, content.digest("s", size))


def test_who_began_the_pull_may_leave_in_its_middle(make):
    site = Site(make)
    body = content.generate("l", 0, 60_000)
    site.says("/a", FRESH, body=body, drip="body", drip_bytes=30_000, drip_s=0.8)
    leader = site.server.connect()
    leader.request(target="/a")
    read_until(leader, 30_000)
    followers = [site.server.connect() for _ in range(5)]
    for follower in followers:
        follower.request(target="/a")
        read_until(follower, 100)
    leader.abort()
    for follower in followers:
        assert follower.response().body == body
        follower.close()
    assert len(site.pulls("/a")) == 1 and word(site.get("/a")) == "HIT"


def test_who_began_the_pull_may_leave_before_its_answer(make):
    site = Site(make)
    site.says("/a", FRESH, body=b"x", delay=0.6)
    leader = site.server.connect()
    leader.request(target="/a")
    site.origin.wait(1)
    followers = [site.server.connect() for _ in range(5)]
    for follower in followers:
        follower.request(target="/a")
    time.sleep(0.2)
    leader.abort()
    for follower in followers:
        assert follower.response().body == b"x"
        follower.close()
    assert len(site.pulls("/a")) == 1


def test_a_released_pull_whose_owner_left_leaves_the_others_alone(make):
    site = Site(make)
    site.says("/a", "Cache-Control: private", body=b"x", delay=0.5)
    leader = site.server.connect()
    leader.request(target="/a")
    site.origin.wait(1)
    followers = [site.server.connect() for _ in range(5)]
    for follower in followers:
        follower.request(target="/a")
    time.sleep(0.2)
    leader.abort()
    for follower in followers:
        assert follower.response().body == b"x"
        follower.close()
    site.server.assert_healthy()


@pytest.mark.parametrize("size, is_finished", [(MIB, True), (12 * MIB, False)])
def test_a_pull_that_nobody_waits_for_is_finished_where_it_is_small(make, size, is_finished):
    """fill.finish_bytes: 8 MiB by default."""
    site = Site(make)
    site.says("/a", FRESH, body=Generated("f", size), drip="body", drip_bytes=65536, drip_s=0.05)
    only = site.server.connect()
    only.request(target="/a")
    read_until(only, 10_000)
    only.abort()
    if is_finished:
        wait_until(lambda: site.is_kept("/a"), "the rest")
        assert site.get("/a", keep=False).digest == content.digest("f", size) and len(site.pulls("/a")) == 1
    else:
        connection = site.origin.connections[site.pulls("/a")[0].connection]
        wait_until(lambda: connection.ended, "the end of the pull")
        assert not site.is_kept("/a") and site.pulls("/a")[0].sent < size


def test_a_pull_that_nobody_waits_for_is_ended_before_its_answer(make):
    """Nothing is known of it yet, so that it is not worth its end."""
    site = Site(make)
    site.origin.on("/a", Reply(cut="before", how="hang"))
    only = site.server.connect()
    only.request(target="/a")
    site.origin.wait(1)
    only.abort()
    wait_until(lambda: site.origin.connections[0].ended, "the end of the pull", 0.9)


def test_a_body_that_breaks_off_breaks_for_everybody(make):
    """For each who saw the beginning of it; who had not, asks again, twice at most."""
    site = Site(make, workers=2)
    site.says("/a", FRESH, body=Generated("b", 400_000), delay=0.4, cut="mid_body", cut_after=200_000, how="reset")

    def ask(_):
        with pytest.raises(wire.Truncated) as broken:
            site.get("/a")
        response = broken.value.response
        assert response.body == content.generate("b", 0, len(response.body))
        return response

    assert {response.status for response in crowd(10, ask)} == {200}
    assert len(site.pulls("/a")) <= 3
    site.says("/a", FRESH, body=b"whole")
    assert site.get("/a").body == b"whole"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_clients_of_every_kind_share_one_pull(make, framing):
    """GET, all from the beginning, conditions, HTTP/1.0: each gets its own kind of answer."""
    site = Site(make)
    body = content.generate("k", 0, 100_000)
    site.says("/a", FRESH, 'ETag: "a"', body=body, framing=framing, delay=0.4)
    kinds = [
        lambda: site.get("/a"),
        lambda: site.get("/a", version="1.0"),
        lambda: site.get("/a", "Range: bytes=0-"),
        lambda: site.get("/a", 'If-None-Match: "a"'),
        lambda: site.get("/a", 'If-Match: "b"'),
        lambda: site.get("/a", "Range: bytes=0-", 'If-Range: "b"'),
    ]
    responses = crowd(len(kinds) * 3, lambda number: kinds[number % len(kinds)]())
    assert len(site.pulls("/a")) == 1 and "Range" not in site.pulls("/a")[0].fields
    for number, response in enumerate(responses):
        kind = number % len(kinds)
        assert response.status == [200, 200, 206, 304, 412, 200][kind] or (framing == "chunked" and kind == 2)
        if response.status in (200, 206):
            assert response.body == body
        if kind == 1:
            assert response.framing != "chunked"


def test_attempts_of_a_shared_pull_are_in_the_log_once(make):
    site = Site(make)
    site.says("/a", FRESH, body=b"x", delay=0.4)
    at_once(site.server, 10, "/a")
    lines = site.server.wait_log(10, "/a")
    assert sorted(len(line["attempts"]) for line in lines) == [0] * 9 + [1]
    assert {line["cache"] for line in lines} <= {"MISS", "HIT"}


def test_connections_that_wait_are_not_held_against_the_origin(make):
    """connections_max counts pulls, and a crowd is one."""
    origin = make.origin("master")
    server = make.headwater([domain(origin_of(origin, connections_max=1, queue_max=1))])
    origin.on("/a", says(FRESH, body=b"x", delay=0.4))
    assert {response.status for response in at_once(server, 30, "/a")} == {200}


def test_a_crowd_that_comes_and_goes(make):
    """Clients leave at every moment; whoever stays gets the right bytes."""
    site = Site(make, workers=2)
    size = 300_000
    digest = content.digest("x", size)
    site.origin.default = lambda request: says(
        FRESH if request.number % 3 else "Cache-Control: private", body=Generated("x", size), delay=0.02,
        drip="body", drip_bytes=100_000, drip_s=0.02)
    end = time.monotonic() + 3
    wrong = []

    def live(number):
        at = 0
        while time.monotonic() < end:
            at += 1
            with client.Client(site.server.address) as connection:
                connection.request(target=f"/{(number + at) % 40 + at // 10 * 40}")
                if (number + at) % 3 == 0:
                    time.sleep(0.01 * (at % 5))
                    continue
                response = connection.response(keep=False)
                if response.digest != digest:
                    wrong.append(response)

    threads = [threading.Thread(target=live, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not wrong
    site.server.assert_healthy()
