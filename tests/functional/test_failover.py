"""The table of origin-pull.md section 4: every fault of the master against every answer of the backup."""
import socket
import threading
import time

import client
import content
import pytest
from caching import wait_until
from domains import SLACK, domain, origin_of
from origin import GARBAGE, Generated, Origin, Reply
from program import is_sanitized

ATTEMPT = 1 + 1 + 0.1  # connect_timeout + head_timeout + 100 ms


def at_accept(how):
    def apply(origin):
        origin.at_accept = how

    return apply


def reply(**fields):
    def apply(origin):
        origin.default = Reply(**fields)

    return apply


# name -> (what is done to the origin, the reasons that the access log may tell, whether it is a timeout)
FAULTS = {
    "refuses": (Origin.down, {"connect_refused"}, False),
    "drops SYN": (Origin.drop_syn, {"connect_timeout"}, True),
    "resets when it accepts": (at_accept("reset"), {"reset", "connect_reset"}, False),
    "closes when it accepts": (at_accept("close"), {"closed", "reset"}, False),
    "hangs when it accepts": (at_accept("hang"), {"head_timeout"}, True),
    "resets after the request": (reply(cut="request", how="reset"), {"reset"}, False),
    "closes after the request": (reply(cut="request", how="close"), {"closed"}, False),
    "resets before any byte": (reply(cut="before", how="reset"), {"reset"}, False),
    "closes before any byte": (reply(cut="before", how="close"), {"closed"}, False),
    "hangs before any byte": (reply(cut="before", how="hang"), {"head_timeout"}, True),
    "resets in the head": (reply(cut="mid_head", how="reset"), {"reset"}, False),
    "closes in the head": (reply(cut="mid_head", how="close"), {"closed"}, False),
    "hangs in the head": (reply(cut="mid_head", how="hang"), {"head_timeout"}, True),
    "drips its head": (reply(drip="head", drip_s=0.2), {"head_timeout"}, True),
    "sends 1xx for ever": (
        reply(raw=lambda: iter([b"HTTP/1.1 102 Processing\r\n\r\n"] * 3), how="hang"), {"head_timeout"}, True),
    "speaks SSH": (reply(raw=GARBAGE["an SSH banner"]), {"malformed"}, False),
    "sends two lengths": (reply(raw=GARBAGE["two differing lengths"]), {"malformed"}, False),
}  # fmt: skip
STATUSES = [400, 401, 403, 404, 405, 410, 429, 500, 502, 503, 504, 599]
BACKUPS = {
    "absent": None,
    "200": Reply(body=b"from the backup"),
    "302": Reply(status=302, fields=(("Location", "/b"),), body=b"from the backup"),
    "404": Reply(status=404, body=b"from the backup"),
    "416": Reply(status=416, body=b"from the backup"),
    "503": Reply(status=503, body=b"from the backup"),
    "failing": Origin.down,
    "hanging": Reply(cut="before", how="hang"),
}
TABLE = [(fault, backup) for fault in [*FAULTS, *STATUSES] for backup in BACKUPS]
MASTERS_OWN = b"the master's own words"


class Row:
    """A domain with origins of its own, so that what is detected in one row is not known in another."""

    def __init__(self, make, number, fault, backup):
        self.host = f"row{number}.test"
        self.master, self.backup = make.origin("master"), None
        if fault in FAULTS:
            FAULTS[fault][0](self.master)
        else:
            self.master.default = Reply(status=fault, reason="Own", body=MASTERS_OWN, fields=(("X-Own", "yes"),))
        if backup != "absent":
            self.backup = make.origin("backup")
            if isinstance(BACKUPS[backup], Reply):
                self.backup.default = BACKUPS[backup]
            else:
                BACKUPS[backup](self.backup)
        self.domain = domain(self.master, self.backup, name=self.host)


@pytest.fixture(scope="module", name="plant")
def _plant(make_once):
    rows = {row: Row(make_once, number, *row) for number, row in enumerate(TABLE)}
    return make_once.headwater([row.domain for row in rows.values()], workers=2), rows


@pytest.fixture(scope="module", name="results")
def _results(plant, side_by_side):
    server, rows = plant
    return side_by_side(lambda row: server.get("/x", host=rows[row].host), TABLE)


def expected(fault, backup):
    """(statuses, body or None for an error of our own) by the table."""
    own = fault not in FAULTS
    if BACKUPS[backup] == Origin.down or backup in ("absent", "hanging"):
        if own:
            return {fault}, MASTERS_OWN
        timeouts = {FAULTS[fault][2], backup == "hanging" if backup != "absent" else FAULTS[fault][2]}
        return {504 if timeout else 502 for timeout in timeouts}, None
    if own and backup in ("404", "416", "503"):
        return {fault}, MASTERS_OWN
    return {int(backup)}, b"from the backup"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]}, backup {row[1]}")
def test_the_client_gets_what_the_table_says(plant, results, row):
    response, (fault, backup) = results[row], row
    statuses, body = expected(fault, backup)
    assert response.status in statuses, response
    if body is None:
        assert response.error and response.fields.get("X-Cache") == "MISS", response
        assert "Cache-Status" not in response.fields
    else:
        assert response.body == body and response.error is None
    if body == MASTERS_OWN:
        assert response.reason == "Own" and response.fields.get("X-Own") == "yes"
    attempts = 1 if fault not in FAULTS and backup == "absent" else 2
    assert response.seconds < attempts * ATTEMPT + SLACK
    plant[0].assert_healthy()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]}, backup {row[1]}")
def test_the_access_log_tells_each_attempt(plant, results, row):
    results[row]
    server, rows = plant
    fault, backup = row
    end = time.monotonic() + 5
    while not (lines := [line for line in server.log() if line["host"] == rows[row].host]):
        assert time.monotonic() < end
        time.sleep(0.02)
    attempts = lines[0]["attempts"]
    first = attempts[0]
    assert (first["role"], first["address"]) == ("master", rows[row].master.address)
    if fault in FAULTS:
        assert first["reason"] in FAULTS[fault][1] and first["status"] == 0, first
        assert first["next"] == ("fail" if backup == "absent" else "backup")
    else:
        assert first["status"] == fault
        if backup == "absent":
            assert (first["reason"], first["next"]) == ("none", "deliver")
        else:
            assert (first["reason"], first["next"]) == ("status", "backup")
    if backup == "absent":
        assert len(attempts) == 1
        return
    second = attempts[1]
    assert (second["role"], second["address"]) == ("backup", rows[row].backup.address)
    if fault in STATUSES and backup not in ("200", "302"):
        assert second["next"] == "kept"
    elif backup in ("failing", "hanging"):
        assert second["next"] == "fail"
    else:
        assert second["next"] == "deliver"


@pytest.mark.parametrize("status, fields", [
    (200, ()), (204, ()), (206, (("Content-Range", "bytes 0-1/2"),)), (301, (("Location", "/"),)), (304, ()),
    (412, ()), (416, ()),
])  # fmt: skip
def test_what_is_no_failure_never_asks_the_backup(make, status, fields):
    master, backup = make.origin("master"), make.origin("backup")
    master.default = Reply(status=status, fields=fields, body=b"" if status in (204, 304) else b"ok")
    # Nothing is remembered, so that what the client asks for reaches the origin as it is.
    server = make.headwater([domain(master, backup, cache={"mode": "off"})])
    for number in range(3):
        response = server.get(f"/{number}", fields=[("If-None-Match", '"a"'), ("Range", "bytes=0-1")])
        assert response.status == status
    assert not backup.requests


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_methods_fail_over_with_everything_they_carry(make, method):
    master, backup = make.origin("master"), make.origin("backup")
    master.default = Reply(cut="before", how="close")
    server = make.headwater([domain(master, origin_of(backup, host="backup.example"))])
    response = server.ask(method, "/a?b", fields=[("X-A", "b"), ("Cookie", "c=d")])
    assert response.status == 200
    (first,), (second,) = master.requests, backup.requests
    assert (second.method, second.target) == (method, "/a?b")
    assert first.fields.get("Host") == "edge.test" and second.fields.get("Host") == "backup.example"
    for name in ("X-A", "Cookie", "Via", "CDN-Loop", "X-Forwarded-For"):
        assert second.fields.get(name) == first.fields.get(name)


UNSAFE = ["POST", "PUT", "PATCH", "DELETE", "X-OWN"]


@pytest.mark.parametrize("method", UNSAFE)
def test_an_unsafe_request_fails_over_when_nothing_of_it_was_sent(make, method):
    master, backup = make.origin("master"), make.origin("backup")
    master.down()
    server = make.headwater([domain(master, backup)])
    assert server.ask(method, "/x", body=b"12345").body == b"backup"
    (request,) = backup.requests
    assert request.body == b"12345"


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize("fault", ["resets after the request", "closes before any byte", "hangs before any byte",
                                   "closes in the head", "speaks SSH"])  # fmt: skip
def test_an_unsafe_request_is_never_sent_twice(make, method, fault):
    master, other, backup = make.origin("master"), make.origin("other"), make.origin("backup")
    for origin in (master, other):
        FAULTS[fault][0](origin)
    server = make.headwater([domain([master, other], backup)])
    response = server.ask(method, "/x", body=b"12345")
    assert response.status in (502, 504) and response.error in FAULTS[fault][1]
    assert len(master.requests) + len(other.requests) == 1
    assert not backup.connections


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("is_kept", [False, True], ids=["fresh", "kept"])
def test_a_post_is_delivered_at_most_once_whatever_befalls_it(make, fault, is_kept):
    masters, backup = [make.origin("master"), make.origin("other")], make.origin("backup")
    server = make.headwater([domain(masters, backup)], workers=1)
    for number in range(4 if is_kept else 0):
        assert server.get(f"/get{number}").status == 200
    for origin in masters:
        FAULTS[fault][0](origin)
    response = server.ask("POST", "/x", body=b"12345")
    delivered = [request for origin in (*masters, backup) for request in origin.on_path("/x")]
    assert len(delivered) <= 1
    assert response.status in (502, 504) or (response.status == 200 and len(delivered) == 1)


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_status_in_answer_to_an_unsafe_request_is_final(make, status):
    master, backup = make.origin("master"), make.origin("backup")
    master.default = Reply(status=status, body=b"no")
    server = make.headwater([domain(master, backup)])
    response = server.ask("POST", "/x", body=b"12345")
    assert (response.status, response.body) == (status, b"no")
    assert len(master.requests) == 1 and not backup.requests


@pytest.mark.parametrize("fault", ["resets after the request", "hangs before any byte", "speaks SSH", "status"])
def test_the_operator_may_allow_unsafe_requests_to_fail_over_fully(make, fault):
    master, backup = make.origin("master"), make.origin("backup")
    if fault == "status":
        master.default = Reply(status=503)
    else:
        FAULTS[fault][0](master)
    server = make.headwater([domain(master, backup, failover={"unsafe_methods": "on"})])
    assert server.ask("POST", "/x", body=b"12345" * 1000).body == b"backup"
    assert [request.body for request in backup.requests] == [b"12345" * 1000]


def test_a_post_is_delivered_once_when_a_kept_connection_turns_out_to_be_closed(make, origin):
    origin.on_reuse = "close"
    server = make.headwater([domain(origin)])
    with server.connect() as connection:
        for number in range(5):
            connection.request(target=f"/get{number}")
            assert connection.response().status == 200
            connection.request("POST", f"/post{number}", body=b"x")
            connection.response()
    for number in range(5):
        assert len(origin.on_path(f"/post{number}")) <= 1


@pytest.mark.parametrize("statuses, fails_over, stays", [
    ([500, 503], [500, 503], [404, 502, 599]),
    (["500-503", 404], [500, 501, 503, 404], [403, 504]),
    ("400-599,!412,!416,!404", [403, 500], [404, 412]),
    ("none", [], [404, 500, 503]),
])  # fmt: skip
def test_the_operator_chooses_the_statuses(make, statuses, fails_over, stays):
    master, backup = make.origin("master"), make.origin("backup")
    master.default = lambda request: Reply(status=int(request.path[1:]))
    server = make.headwater([domain(master, backup, failover={"statuses": statuses})])
    for status in fails_over:
        assert server.get(f"/{status}").body == b"backup"
    for status in stays:
        assert server.get(f"/{status}").status == status


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 300_000, 5_000_000])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_the_masters_own_response_survives_the_backups_failure_whole(make, size, framing):
    master, backup = make.origin("master"), make.origin("backup")
    master.default = Reply(status=404, body=Generated("own", size), framing=framing, trailers=(("X-T", "u"),))
    backup.default = Reply(status=503, delay=0.1, body=b"backup")
    server = make.headwater([domain(master, backup)])
    response = server.get(keep=False)
    assert (response.status, response.size, response.digest) == (404, size, content.digest("own", size))
    assert len(backup.requests) == 1


def test_the_masters_own_response_does_not_outlive_its_replacement(make):
    """The backup answers well while a large body of the master waits: not one byte of that may be seen."""
    master, backup = make.origin("master"), make.origin("backup")
    master.default = Reply(status=500, body=Generated("own", 5_000_000))
    server = make.headwater([domain(master, backup)])
    with server.connect() as connection:
        for _ in range(10):
            connection.request()
            assert connection.response().body == b"backup"


def test_a_master_whose_own_response_breaks_off_meanwhile_is_visibly_truncated(make):
    master, backup = make.origin("master"), make.origin("backup")
    master.default = Reply(status=404, body=Generated("own", 300_000), cut="mid_body", cut_after=100_000)
    backup.default = Reply(status=503, delay=0.3)
    server = make.headwater([domain(master, backup)])
    with server.connect() as connection:
        connection.request()
        try:
            response = connection.response()
        except Exception as error:  # noqa: BLE001 - a visible truncation is one right outcome
            assert "ends after" in str(error)
        else:
            # The backup's own answer or an honest error are the others.
            assert response.status in (502, 503)


def test_a_failing_master_goes_directly_to_the_backup(make):
    first, second, backup = make.origin("first"), make.origin("second"), make.origin("backup")
    for master in (first, second):
        master.default = Reply(cut="before", how="close")
    server = make.headwater([domain([first, second], backup)])
    assert server.get().body == b"backup"
    assert len(first.requests) + len(second.requests) == 1


def test_when_both_fail_another_address_of_the_backup_is_tried(make):
    master, dead, alive = make.origin("master"), make.origin("dead"), make.origin("alive")
    master.default = dead.default = Reply(cut="before", how="close")
    server = make.headwater([domain(master, [dead, alive])])
    for number in range(8):
        assert server.get(f"/{number}").body == b"alive"
    assert dead.requests


def test_when_the_backup_is_used_up_another_address_of_the_master_is_tried(make):
    dead, alive, backup = make.origin("dead"), make.origin("alive"), make.origin("backup")
    dead.default = backup.default = Reply(cut="before", how="close")
    server = make.headwater([domain([dead, alive], backup)])
    for number in range(8):
        assert server.get(f"/{number}").body == b"alive"


def test_without_a_backup_another_master_address_is_tried(make):
    dead, alive = make.origin("dead"), make.origin("alive")
    for fault in ("resets after the request", "speaks SSH", "closes in the head"):
        FAULTS[fault][0](dead)
        server = make.headwater([domain([dead, alive])])
        assert [server.get(f"/{number}").body for number in range(6)] == [b"alive"] * 6
    dead.down()
    server = make.headwater([domain([dead, alive])])
    assert [server.get(f"/{number}").body for number in range(6)] == [b"alive"] * 6


def test_without_a_backup_statuses_try_nothing_else(make):
    first, second = make.origin("first"), make.origin("second")
    first.default = second.default = Reply(status=503)
    server = make.headwater([domain([first, second])])
    assert server.get().status == 503
    assert len(first.requests) + len(second.requests) == 1


@pytest.mark.parametrize("attempts", [1, 2, 3, 5])
def test_no_more_attempts_than_allowed(make, attempts):
    masters = [make.origin(f"m{number}") for number in range(8)]
    for master in masters:
        master.default = Reply(cut="before", how="close")
    server = make.headwater([domain(masters, failover={"attempts": attempts})])
    response = server.get()
    assert response.status == 502
    assert sum(len(master.requests) for master in masters) == attempts
    assert len(server.wait_log(1)[0]["attempts"]) == attempts


def test_no_more_time_than_allowed(make):
    masters = [make.origin(f"m{number}") for number in range(6)]
    for master in masters:
        master.default = Reply(cut="before", how="hang")
    slow = [domain(masters, failover={"attempts": 6, "budget_s": 2})]
    server = make.headwater(slow)
    response = server.get()
    assert response.status == 504 and response.error in ("budget", "head_timeout")
    assert 1.5 < response.seconds < 2 + SLACK


def test_no_bucket_full_of_retries(make):
    """At most 20 % of the pulls in flight + 10 may be retries to the same origin."""
    masters = [make.origin(f"m{number}") for number in range(3)]
    for master in masters:
        master.default = Reply(cut="before", how="hang")
    server = make.headwater([domain(masters)], workers=1)
    threads = [threading.Thread(target=server.get, args=(f"/{number}",)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sent = sum(len(master.requests) for master in masters)
    # Without a budget it would be 120: each of the 40 at all three addresses.
    assert 40 < sent <= 40 + 2 * 18 + 4, sent


def test_a_stale_kept_connection_is_retried_once_on_a_fresh_one(make, origin):
    backup = make.origin("backup")
    origin.on_reuse = "close"
    server = make.headwater([domain(origin, backup)])
    for number in range(6):
        assert server.get(f"/{number}").body == b"master"
    assert not backup.connections
    attempts = [attempt for line in server.wait_log(6) for attempt in line["attempts"]]
    assert {attempt["reason"] for attempt in attempts} <= {"none", "stale_connection"}
    assert {attempt["next"] for attempt in attempts} <= {"deliver", "fresh"}


def test_a_stale_kept_connection_of_each_origin_is_retried_on_a_fresh_one(make, origin):
    """That the master's was stale as well is no reason to take the backup's for a failure."""
    backup = make.origin("backup")
    server = make.headwater([domain(origin, backup)], workers=1)
    assert server.get("/a").body == b"master"
    origin.default = Reply(status=503)
    assert server.get("/b").body == b"backup"
    origin.on_reuse = backup.on_reuse = "close"
    origin.default = Reply(cut="before", how="close")
    assert server.get("/c").body == b"backup"
    attempts = server.wait_log(3)[2]["attempts"]
    assert [(attempt["role"], attempt["next"]) for attempt in attempts] == [
        ("master", "fresh"), ("master", "backup"), ("backup", "fresh"), ("backup", "deliver"),
    ]  # fmt: skip


def test_a_client_that_leaves_takes_its_attempt_with_it(make, origin):
    origin.default = Reply(delay=10)
    patient = origin_of(origin, head_timeout="30s")
    server = make.headwater([domain(patient)])
    connection = server.connect()
    connection.request()
    origin.wait(1)
    connection.abort()
    end = time.monotonic() + 5
    while not origin.connections[0].ended and time.monotonic() < end:
        time.sleep(0.02)
    assert origin.connections[0].ended
    (line,) = server.wait_log(1)
    assert line["end"] == "aborted"


def test_a_client_that_half_closes_still_gets_its_answer(make, origin):
    origin.default = Reply(delay=0.3, body=b"late")
    server = make.headwater([domain(origin)])
    with server.connect() as connection:
        connection.request()
        connection.finish()
        assert connection.response().body == b"late"


def test_fifty_requests_at_once_all_fail_over(make):
    master, backup = make.origin("master"), make.origin("backup")
    master.default = Reply(cut="mid_head", how="close")
    server = make.headwater([domain(master, backup)], workers=2)
    got = []
    threads = [threading.Thread(target=lambda n=n: got.append(server.get(f"/{n}").body)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [b"backup"] * 50


@pytest.mark.timing
@pytest.mark.parametrize("fault", [name for name, (_, _, is_timeout) in FAULTS.items() if is_timeout])
def test_an_attempt_ends_in_its_time(make, fault):
    """connect_timeout + head_timeout + 100 ms, and then the backup's answer at once."""
    if is_sanitized():
        pytest.skip("a sanitizer's time means nothing")
    master, backup = make.origin("master"), make.origin("backup")
    FAULTS[fault][0](master)
    server = make.headwater([domain(master, backup)])
    response = server.get()
    assert response.body == b"backup" and response.seconds < 1 + 0.1 + 0.1
    assert server.wait_log(1)[0]["attempts"][0]["ms"] <= 1100


def test_real_servers_fail_over_when_the_master_is_killed(make):
    master, backup = make.nginx("master").start(), make.nginx("backup").start()
    server = make.headwater([domain(master, backup)])
    assert server.get("/hello").body == b"master\n"
    assert server.get("/status/404").status == 404
    wait_until(lambda: any("/status/404" in line for line in backup.log()), "the backup was asked, and wrote that down")
    with socket.create_connection(("127.0.0.1", master.port)):
        master.stop()
    for _ in range(5):
        assert server.get("/hello").body == b"backup\n"
    assert client.exchange(server.address, target="/hello").body == b"backup\n"
