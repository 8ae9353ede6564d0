"""What is streamed is passed on at once and never held back, remembered or not."""
import threading
import time

import pytest
from caching import FRESH, Site, fields_of, wait_until, word
from origin import Reply

pytestmark = pytest.mark.racing

EVENT = b"data: %d\n\n"


def chunk_of(number):
    return EVENT % (10 + number % 90)


KINDS = {
    "events": ["Content-Type: text/event-stream", "Cache-Control: no-cache"],
    "events that say nothing": ["Content-Type: text/event-stream"],
    "events that say that they are fresh": ["Content-Type: text/event-stream", FRESH],
    "anything endless": ["Content-Type: text/plain", "Cache-Control: no-store"],
    "anything endless that says nothing": ["Content-Type: text/plain"],
    "anything endless that says that it is fresh": ["Content-Type: text/plain", FRESH],
    "anything endless that is stale at once": ["Content-Type: text/plain", "Cache-Control: max-age=0", 'ETag: "a"'],
}


def stream(*lines, every=0.3, count=60):
    body = b"".join(chunk_of(number) for number in range(count))
    size = len(chunk_of(0))
    return Reply(fields=fields_of(lines), body=body, framing="chunked", chunk=size, drip="body", drip_s=every,
                 drip_bytes=len(b"%x\r\n\r\n" % size) + size)  # fmt: skip


def read_events(connection, count, seconds):
    """Reads until so many events came; how long that took."""
    begun = time.monotonic()
    while connection.buffer.count(b"data: ") < count:
        assert connection._receive(begun + seconds)
    return time.monotonic() - begun


@pytest.fixture(scope="module", name="site")
def _site(make_once):
    return Site(make_once, workers=2)


@pytest.fixture(scope="module", name="results")
def _results(site, side_by_side):
    def run(row):
        path = site.path()
        site.origin.on(path, stream(*KINDS[row]))
        times = []
        with site.server.connect() as first, site.server.connect() as second:
            first.request(target=path)
            times.append(read_events(first, 1, 5))
            second.request(target=path)
            times.append(read_events(second, 1, 5))
            times.append(read_events(first, 4, 5))
            times.append(read_events(second, 2, 5))
            firsts = [connection.buffer.partition(b"data: ")[2][:2] for connection in (first, second)]
        connections = [site.origin.connections[request.connection] for request in site.pulls(path)]
        return times, firsts, connections

    return side_by_side(run, KINDS)


@pytest.mark.parametrize("row", KINDS)
def test_each_event_reaches_its_client_at_once(results, row):
    times, firsts, _ = results[row]
    assert times[0] < 0.8 and times[1] < 0.8 and times[2] < 1.8 and times[3] < 1.3, times
    assert firsts == [b"10", b"10"]  # nobody begins in the middle


@pytest.mark.parametrize("row", [row for row in KINDS if "fresh" not in row and "stale" not in row])
def test_the_stream_ends_with_its_client(results, row):
    """What nobody may share is nobody's business once its client has left."""
    _, _, connections = results[row]
    wait_until(lambda: all(connection.ended for connection in connections), "the end of the pulls")


def test_interim_responses_come_through_before_the_answer(site):
    path = site.path()
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n"
    site.origin.on(path, Reply(fields=fields_of([FRESH]), interim=(hint,), body=b"x"))
    response = site.get(path)
    assert [head.status for head in response.interim] == [103] and word(response) == "MISS"
    assert site.get(path).interim == []


def test_trailers_do_not_hold_up_what_is_shared(site):
    path = site.path()
    site.says(path, FRESH, body=b"x", framing="chunked", trailers=(("X-Sum", "1"),))
    assert site.get(path).body == site.get(path).body == b"x"


def test_a_dripping_head_is_shared_when_it_is_whole(site):
    path = site.path()
    site.says(path, FRESH, body=b"x", drip="head", drip_bytes=20, drip_s=0.05)
    got = []
    threads = [threading.Thread(target=lambda: got.append(site.get(path))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [response.body for response in got] == [b"x"] * 5 and len(site.pulls(path)) == 1


@pytest.mark.parametrize("lines", [["Cache-Control: private"], [FRESH]])
def test_a_body_that_drips_is_delivered_as_it_comes(site, lines):
    path = site.path()
    site.says(path, *lines, 'ETag: "a"', body=b"abcdefgh", drip="body", drip_bytes=1, drip_s=0.2)
    with site.server.connect() as connection:
        connection.request(target=path)
        begun = time.monotonic()
        while not connection.buffer.endswith(b"\r\n\r\nabc"):
            assert connection._receive(begun + 2)
        assert time.monotonic() - begun < 1.2
        assert connection.response().body == b"abcdefgh"
