"""Connections to an address have a cap, and what waits for one a queue (origin-pull.md section 4)."""
import threading
import time

from domains import SLACK, domain, origin_of
from origin import Reply


def at_once(server, count, path="/"):
    """(status, body, seconds) of so many requests side by side."""
    got = []

    def ask(number):
        response = server.get(f"{path}{number}", timeout=30)
        got.append((response.status, response.body, response.seconds, response.error))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def most_at_once(origin):
    """The most requests that the origin had at the same time."""
    steps = sorted([(request.at, 1) for request in origin.requests] + [(request.answered, -1) for request in origin.requests])
    count = most = 0
    for _, step in steps:
        count += step
        most = max(most, count)
    return most


def test_no_more_connections_than_allowed(make, origin):
    origin.default = Reply(delay=0.1, body=b"master")
    server = make.headwater([domain(origin_of(origin, connections_max=3, queue_s=20))], workers=2)
    got = at_once(server, 20)
    assert [status for status, *_ in got] == [200] * 20
    assert most_at_once(origin) <= 3


def test_a_full_queue_goes_to_the_backup_and_is_no_failure(make, origin):
    backup = make.origin("backup")
    origin.default = Reply(delay=0.7, body=b"master")
    capped = origin_of(origin, connections_max=1, queue_max=1)
    server = make.headwater([domain(capped, backup)], workers=1)
    got = at_once(server, 10)
    assert {status for status, *_ in got} == {200}
    bodies = [body for _, body, *_ in got]
    assert bodies.count(b"master") == 2 and bodies.count(b"backup") == 8
    origin.default = Reply(body=b"master")
    for number in range(5):
        assert server.get(f"/after{number}").body == b"master"


def test_a_full_queue_without_a_backup_is_an_honest_503(make, origin):
    origin.default = Reply(delay=0.7, body=b"master")
    server = make.headwater([domain(origin_of(origin, connections_max=1, queue_max=1))], workers=1)
    got = at_once(server, 10)
    assert [status for status, *_ in got].count(200) == 2
    refused = [(status, error, seconds) for status, _, seconds, error in got if status != 200]
    assert {(status, error) for status, error, _ in refused} == {(503, "queue_full")}
    assert max(seconds for *_, seconds in refused) < 0.6 + SLACK


def test_waiting_in_the_queue_has_an_end(make, origin):
    origin.default = Reply(delay=3, body=b"master")
    patient = origin_of(origin, connections_max=1, queue_s=1, head_timeout="10s")
    server = make.headwater([domain(patient)], workers=1)
    got = at_once(server, 3)
    refused = [(status, error, seconds) for status, _, seconds, error in got if status != 200]
    assert len(refused) == 2
    for status, error, seconds in refused:
        assert (status, error) == (503, "queue_timeout") and 0.8 < seconds < 1 + SLACK


def test_those_who_wait_are_served_in_their_order(make, origin):
    origin.default = Reply(delay=0.15, body=b"master")
    server = make.headwater([domain(origin_of(origin, connections_max=1, queue_s=20))], workers=1)
    threads = []
    for number in range(6):
        threads.append(threading.Thread(target=server.get, args=(f"/{number}",)))
        threads[-1].start()
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert [request.target for request in origin.requests] == [f"/{number}" for number in range(6)]


def test_a_client_that_leaves_the_queue_leaves_no_hole(make, origin):
    origin.default = Reply(delay=0.5, body=b"master")
    server = make.headwater([domain(origin_of(origin, connections_max=1, queue_max=2, queue_s=20))], workers=1)
    first = threading.Thread(target=server.get, args=("/first",))
    first.start()
    origin.wait(1)
    leaver = server.connect()
    leaver.request(target="/leaver")
    time.sleep(0.1)
    leaver.abort()
    time.sleep(0.1)
    got = at_once(server, 2, path="/then")
    first.join()
    assert [status for status, *_ in got] == [200, 200]
    assert not origin.on_path("/leaver")


def test_another_address_takes_over_when_one_is_full(make):
    busy, free = make.origin("busy"), make.origin("free")
    busy.default = Reply(delay=0.7, body=b"busy")
    server = make.headwater([domain(origin_of([busy, free], connections_max=1, queue_max=0))], workers=1)
    got = at_once(server, 8)
    assert b"free" in [body for _, body, *_ in got]
    assert all(status in (200, 503) for status, *_ in got)
