"""What the hot backup origin answers is remembered as the master's would be, within its caps
(origin-pull.md section 4).
"""
import time

import pytest
from caching import FRESH, STALE, Apart, age, says, word
from domains import SLACK, domain
from origin import Origin, Reply


def becomes(*lines, **reply):
    def apply(origin):
        origin.default = says(*lines, **reply)

    return apply


def capped(seconds):
    return {"backup": {"cache_max_s": seconds}}


# name -> (the domain, what the master does, what the backup does, the body, seconds for which it is
# fresh; None: for long)
TABLE = {
    "a success in place of a refused connection": ({}, Origin.down, becomes(FRESH, body=b"backup"), b"backup", None),
    "a success in place of a status": ({}, becomes(status=503), becomes(FRESH, body=b"backup"), b"backup", None),
    "a success in place of a broken head": (
        {}, becomes(cut="mid_head"), becomes(FRESH, body=b"backup"), b"backup", None),
    "a redirect": ({}, Origin.down, becomes(FRESH, "Location: /", status=301, body=b"backup"), b"backup", None),
    "a success, capped": (capped(1), Origin.down, becomes(FRESH, body=b"backup"), b"backup", 1),
    "a success of some age, capped": (capped(1), Origin.down, becomes(FRESH, "Age: 500", body=b"backup"), b"backup", 1),
    "a success that is fresh for less than the cap": (
        capped(60), Origin.down, becomes("Cache-Control: max-age=1", body=b"backup"), b"backup", 1),
    "the master's own, whatever the cap": (capped(1), becomes(FRESH, body=b"master"), becomes(), b"master", None),
    "a 404 in place of a refused connection": (
        {}, Origin.down, becomes(FRESH, status=404, body=b"backup"), b"backup", 1),
    "a 503 in place of a refused connection": (
        {}, Origin.down, becomes(FRESH, status=503, body=b"backup"), b"backup", 1),
    "the master's own 404, on which both agree": (
        {}, becomes(FRESH, status=404, body=b"own"), becomes(FRESH, status=404, body=b"backup"), b"own", 1),
    "the master's own 503, the backup gone": ({}, becomes(FRESH, status=503, body=b"own"), Origin.down, b"own", 1),
    "the master's own 404, which does not fail over": (
        {"failover": {"statuses": "500-599"}}, becomes(FRESH, status=404, body=b"own"), becomes(), b"own", None),
    "a 404 in place of a refused connection, no matter the cap": (
        capped(60), Origin.down, becomes(FRESH, status=404, body=b"backup"), b"backup", 1),
}  # fmt: skip


@pytest.fixture(scope="module", name="plant")
def _plant(make_once):
    return Apart(make_once, {row: fields for row, (fields, *_) in TABLE.items()}, backup=True)


@pytest.fixture(scope="module", name="results")
def _results(plant, side_by_side):
    def run(row):
        master, backup = plant.masters[row], plant.backups[row]
        TABLE[row][1](master)
        TABLE[row][2](backup)
        begun = time.monotonic()
        first, second = plant.get(row), plant.get(row)
        seconds = time.monotonic() - begun
        time.sleep(1.2)
        master.up()
        for origin in (master, backup):
            origin.default = says(FRESH, body=b"later")
        return first, second, seconds, plant.get(row)

    return side_by_side(run, TABLE)


@pytest.mark.parametrize("row", TABLE)
def test_an_answer_is_fresh_within_the_caps(results, row):
    first, second, seconds, later = results[row]
    _, _, _, body, lifetime = TABLE[row]
    assert (first.body, word(first)) == (body, "MISS")
    if seconds < 0.9:
        assert (second.body, word(second)) == (body, "HIT")
    if lifetime is None:
        assert (later.body, word(later)) == (body, "HIT")
    else:
        assert later.body == b"later" and word(later) == "MISS"


def test_an_age_from_the_backup_is_told_as_it_is(plant, results):
    row = "a success of some age, capped"
    _, second, seconds, _ = results[row]
    if seconds < 0.9:
        assert 500 <= age(second) <= 505


def test_what_was_fresh_is_not_lost_when_the_origins_fail(make):
    master, backup = make.origin("master"), make.origin("backup")
    server = make.headwater([domain(master, backup)])
    master.default = says(FRESH, body=b"master")
    server.get("/a")
    master.down()
    backup.default = Reply(status=503)
    server.get("/b")
    response = server.get("/a")
    assert (response.body, word(response)) == (b"master", "HIT")


@pytest.mark.parametrize("status", [304, 200])
def test_the_backup_validates_in_place_of_the_master(make, status):
    """RFC 9111 4.3: the same conditions travel to whoever answers."""
    master, backup = make.origin("master"), make.origin("backup")
    server = make.headwater([domain(master, backup)])
    master.default = says(*STALE, 'ETag: "a"', body=b"old")
    server.get("/a")
    master.default = Reply(cut="before", how="close")
    backup.default = says(FRESH, 'ETag: "a"' if status == 304 else 'ETag: "b"', status=status, body=b"new")
    response = server.get("/a")
    assert (word(response), response.body) == (("REVALIDATED", b"old") if status == 304 else ("MISS", b"new"))
    assert backup.requests[0].fields.get("If-None-Match") == '"a"'
    assert word(server.get("/a")) == "HIT"


def test_a_304_of_the_backup_is_capped_as_well(make):
    master, backup = make.origin("master"), make.origin("backup")
    server = make.headwater([domain(master, {"type": "self", "addresses": [backup.address], "cache_max_s": 1})])
    master.default = says(*STALE, 'ETag: "a"', body=b"old")
    server.get("/a")
    master.default = Reply(cut="before", how="close")
    backup.default = says(FRESH, 'ETag: "a"', status=304)
    assert word(server.get("/a")) == "REVALIDATED"
    time.sleep(1.2)
    master.default = says(FRESH, body=b"master")
    assert server.get("/a").body == b"master"


def test_a_head_of_the_backup_is_capped_as_well(make):
    """RFC 9111 4.3.5: it updates what a GET left meanwhile."""
    master, backup = make.origin("master"), make.origin("backup")
    server = make.headwater([domain(master, {"type": "self", "addresses": [backup.address], "cache_max_s": 1})])
    master.default = lambda request: (Reply(status=503) if request.method == "HEAD"
                                      else says("Cache-Control: max-age=100", 'ETag: "a"', body=b"own"))  # fmt: skip
    backup.default = says(FRESH, 'ETag: "a"', body=b"own", delay=0.5)
    with server.connect() as early:
        early.request("HEAD", "/a")
        backup.wait(1)
        assert word(server.get("/a")) == "MISS"
        assert early.response("HEAD").status == 200
    time.sleep(1.2)
    master.default = says(FRESH, body=b"later")
    assert server.get("/a").body == b"later"


def test_a_304_to_the_masters_failure_keeps_what_is_remembered_right(make):
    """The backup knows another version: what it says is pulled whole, and nothing is mixed."""
    master, backup = make.origin("master"), make.origin("backup")
    server = make.headwater([domain(master, backup)])
    master.default = says(*STALE, 'ETag: "a"', "X-From: master", body=b"old")
    server.get("/a")
    master.default = Reply(status=503)
    backup.default = lambda request: (says(FRESH, 'ETag: "b"', "X-From: backup", status=304)
                                      if "If-None-Match" in request.fields
                                      else says(FRESH, 'ETag: "b"', "X-From: backup", body=b"theirs"))  # fmt: skip
    for _ in range(2):
        response = server.get("/a")
        told = response.body, response.fields.get("X-From"), response.fields.get("ETag")
        assert told == (b"theirs", "backup", '"b"')


@pytest.mark.parametrize("how", ["a connection that was closed", "another address"])
def test_what_is_no_failure_of_an_origin_caps_no_error(make, how):
    """origin-pull.md section 4: a kept connection that was closed is no failure, and the cap is on what stands in for
    another origin.
    """
    master = make.origin("master")
    other = make.origin("other")
    other.down()
    addresses = [master.address] if how != "another address" else [other.address, master.address]
    server = make.headwater([domain({"type": "self", "addresses": addresses})])
    if how != "another address":
        master.on_reuse = "reset"
        server.get("/warm")
    paths = [f"/{number}" for number in range(6)]
    for path in paths:
        master.on(path, says(FRESH, status=404))
        assert server.get(path).status == 404
    attempts = [line["attempts"] for line in server.wait_log(6) if line["path"] in paths]
    assert any(len(rows) > 1 for rows in attempts)
    time.sleep(1.2)
    assert {word(server.get(path)) for path in paths} == {"HIT"}


def test_debug_tells_where_a_shared_answer_came_from(make):
    master, backup = make.origin("master"), make.origin("backup")
    master.down()
    backup.default = says(FRESH, body=b"backup")
    server = make.headwater([domain(master, backup, debug=True)])
    assert server.get("/a").fields.get("X-Headwater-Origin") == f"backup {backup.address}"


def test_a_backup_that_is_slow_is_waited_for_with_no_stale_copy(make):
    master, backup = make.origin("master"), make.origin("backup")
    master.default = Reply(status=503, body=b"own")
    backup.default = says(FRESH, body=b"backup", delay=0.7)
    server = make.headwater([domain(master, backup)])
    response = server.get("/a")
    assert response.body == b"backup" and response.seconds < 0.7 + SLACK
    assert word(server.get("/a")) == "HIT"


def test_what_is_stored_remembers_which_origin_it_came_from(make):
    master, backup = make.origin("master"), make.origin("backup")
    server = make.headwater([domain(master, backup, debug=True)])
    for origin in (master, backup):
        origin.default = says(FRESH, body=origin.name.encode())
    server.get("/one")
    master.down()
    server.get("/two")
    for path, told in (("/one", "master"), ("/two", "backup")):
        response = server.get(path)
        assert (word(response), response.fields.get("X-Headwater-Origin")) == ("HIT", told)


def test_a_master_that_had_closed_its_connection_has_not_failed(make):
    """origin-pull.md section 4: a kept connection that was closed is no failure, and so its 404 is one like any other."""
    master = make.origin("master")
    server = make.headwater([domain(master)], workers=1)
    master.on_reuse = "reset"
    master.default = says(FRESH, status=404, body=b"own")
    for path in ("/warm", "/a"):
        assert server.get(path).status == 404
    assert [len(line["attempts"]) for line in server.wait_log(1, "/a")] == [2]
    time.sleep(1.2)
    assert (word(server.get("/a")), word(server.get("/warm"))) == ("HIT", "HIT")
