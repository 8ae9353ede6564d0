"""Active probing: `probe:` of an origin (origin-pull.md section 3)."""
import time

import pytest
from domains import domain, origin_of
from origin import Reply

QUICK = {"block_time": "1s", "block_time_max": "2s", "ramp_time": "1s"}
PROBE = {"path": "/health", "interval": "1s", "timeout": "1s", "rise": 2, "fall": 2}


def pair(make, workers=2, **probe):
    master, backup = make.origin("master"), make.origin("backup")
    master.on("/health", Reply(body=b"all is well"))
    server = make.headwater([domain(origin_of(master, probe={**PROBE, **probe}), backup)], QUICK, workers=workers)
    return server, master


def wait_for(server, body, within):
    begun = time.monotonic()
    while server.get("/x").body != body:
        assert time.monotonic() - begun < within, f"{body} does not answer"
        time.sleep(0.05)


def test_probes_are_sent_once_for_each_address_not_for_each_worker(make):
    server, master = pair(make, workers=4)
    time.sleep(3.5)
    probes = master.on_path("/health")
    assert 2 <= len(probes) <= 5
    assert probes[0].method in ("GET", "HEAD") and probes[0].fields.get("Host") == "edge.test"


def test_failing_probes_block_without_any_request(make):
    server, master = pair(make)
    master.on("/health", Reply(status=500))
    time.sleep(4)
    assert server.get("/x").body == b"backup"
    assert not master.on_path("/x")


@pytest.mark.parametrize("reply", [
    Reply(status=503), Reply(cut="before", how="close"), Reply(cut="before", how="hang"), Reply(body=b"all is ill"),
], ids=["status", "close", "hang", "body"])  # fmt: skip
def test_a_probe_fails_in_every_way(make, reply):
    server, master = pair(make, body_contains="well")
    assert server.get("/x").body == b"master"
    master.on("/health", reply)
    wait_for(server, b"backup", 10)


def test_good_probes_bring_it_back(make):
    server, master = pair(make)
    master.on("/health", Reply(status=500))
    wait_for(server, b"backup", 6)
    master.on("/health", Reply(body=b"fine"))
    wait_for(server, b"master", 12)


def test_expected_statuses_are_chosen(make):
    server, master = pair(make, expect="200-299,404")
    master.on("/health", Reply(status=404))
    time.sleep(4)
    assert server.get("/x").body == b"master"
    master.on("/health", Reply(status=302))
    wait_for(server, b"backup", 8)


def test_one_bad_probe_is_not_enough(make):
    server, master = pair(make, fall=3)
    master.on("/health", [Reply(status=500), Reply(status=500), Reply()])
    time.sleep(4)
    assert server.get("/x").body == b"master"


def test_probes_end_with_their_domain(make):
    server, master = pair(make)
    master.wait(1)
    other = make.origin("other")
    server.write_domains([domain(other)])
    wait_for(server, b"other", 3)
    time.sleep(0.5)
    master.forget()
    time.sleep(2.5)
    assert not master.requests
