"""Detection: an exceptional address is blocked for a while and skipped (origin-pull.md section 3).

A failure that is not followed by two more is confirmed by two TCP probes 200 ms apart; CONFIRMED waits for them.
"""
import socket
import threading
import time

import pytest
from domains import domain, origin_of
from origin import GARBAGE, Origin, Reply

pytestmark = pytest.mark.racing

CONFIRMED = 1.0
SILENT = {"probe_timeout": "300ms"}  # where probes get no answer, they end within CONFIRMED as well
GARBLED = Reply(raw=GARBAGE["an SSH banner"])


def attempts_of(server, path):
    """The attempts of the request for a path, as (role, reason)."""
    (line,) = server.wait_log(1, path)
    return [(attempt["role"], attempt["reason"]) for attempt in line["attempts"]]


def ask_at_once(server, targets, host="edge.test"):
    """Asks for all targets side by side; the responses in their order."""
    got = {}

    def ask(target):
        got[target] = server.get(target, host=host)

    threads = [threading.Thread(target=ask, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [got[target] for target in targets]


def test_one_failure_that_probes_confirm_blocks(make):
    master, backup = make.origin("master"), make.origin("backup")
    master.down()
    server = make.headwater([domain(master, backup)])
    assert server.get("/first").body == b"backup"
    time.sleep(CONFIRMED)
    assert server.get("/second").body == b"backup"
    assert attempts_of(server, "/first") == [("master", "connect_refused"), ("backup", "none")]
    assert attempts_of(server, "/second") == [("backup", "none")]


def test_three_failures_block_at_once(make):
    master, backup = make.origin("master"), make.origin("backup")
    master.down()
    server = make.headwater([domain(master, backup)])
    with server.connect() as connection:
        for number in range(6):
            connection.request(target=f"/{number}")
            assert connection.response().body == b"backup"
    tried = [("master", "connect_refused") in attempts_of(server, f"/{number}") for number in range(6)]
    assert tried[0] and tried[3:] == [False] * 3, tried


def test_a_failure_that_probes_do_not_confirm_is_forgiven(make):
    master, backup = make.origin("master"), make.origin("backup")
    master.down()
    server = make.headwater([domain(master, backup)])
    assert server.get("/first").body == b"backup"
    master.up()
    time.sleep(CONFIRMED)
    assert server.get("/second").body == b"master"


def test_a_blocked_address_gets_nothing_during_its_block_and_one_trial_after_it(make):
    bad, good = make.origin("bad"), make.origin("good")
    bad.down()
    server = make.headwater([domain([bad, good])], {"block_time": "2s", "ramp_time": "1s"}, workers=2)
    for number in range(6):
        assert server.get(f"/a{number}").body == b"good"
    time.sleep(CONFIRMED)
    blocked = time.monotonic()  # or up to a second before
    bad.default = Reply(body=b"bad", delay=0.7)
    bad.up()
    while time.monotonic() < blocked + 0.6:
        assert server.get("/during").body == b"good"
    assert not bad.requests

    # From several clients at once, until the one trial is there.
    stop = threading.Event()

    def press():
        while not stop.is_set():
            server.get("/after")

    threads = [threading.Thread(target=press) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        bad.wait(1, timeout=5)
        time.sleep(0.5)
        assert len(bad.requests) == 1, "more than one trial"
        time.sleep(1.5)
        assert len(bad.requests) > 1, "it did not come back after a good trial"
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_trial_that_fails_blocks_again(make):
    master, backup = make.origin("master"), make.origin("backup")
    master.default = GARBLED
    flags = {"block_time": "1s", "block_time_max": "60s"}
    server = make.headwater([domain(master, backup)], flags, workers=1)
    for number in range(10):
        assert server.get(f"/a{number}").body == b"backup"
    assert len(master.requests) == 6
    end = time.monotonic() + 5
    while len(master.requests) == 6 and time.monotonic() < end:
        assert server.get("/b").body == b"backup"
        time.sleep(0.01)
    assert len(master.requests) == 7, "no trial"
    end = time.monotonic() + 1  # the second block is longer than this
    while time.monotonic() < end:
        assert server.get("/c").body == b"backup"
        time.sleep(0.01)
    assert len(master.requests) == 7, "the trial did not block again"


def test_a_relapse_doubles_the_block(make):
    bad, good = make.origin("bad"), make.origin("good")
    bad.down()
    server = make.headwater([domain([bad, good])], {"block_time": "1s", "block_time_max": "60s"}, workers=1)
    began = time.monotonic()
    for number in range(4):
        server.get(f"/a{number}")
    # Blocked for 1 s (0.9-1.1), found dead by its probe, then for 2 s.
    time.sleep(2.0)
    bad.up()
    while not bad.requests and time.monotonic() < began + 8:
        server.get("/b")
        time.sleep(0.02)
    assert bad.requests and bad.requests[0].at - began > 2.6


def test_fifty_domains_that_share_an_address_learn_its_death_together(make):
    master, backup = make.origin("master"), make.origin("backup")
    master.down()
    names = [f"d{number}.test" for number in range(50)]
    server = make.headwater([domain(master, backup, name=name) for name in names], workers=2)
    assert server.get("/first", host=names[0]).body == b"backup"
    time.sleep(CONFIRMED)
    for name in names:
        assert server.get(f"/{name}", host=name).body == b"backup"
    for name in names:
        assert attempts_of(server, f"/{name}") == [("backup", "none")]


def test_five_slow_urls_do_not_block_a_healthy_master(make):
    master, backup = make.origin("master"), make.origin("backup")
    for number in range(5):
        master.on(f"/slow{number}", Reply(delay=30))
    server = make.headwater([domain(master, backup)], workers=1)
    for number in range(10):
        assert server.get(f"/well{number}").body == b"master"
    for response in ask_at_once(server, [f"/slow{number}" for number in range(5)]):
        assert response.body == b"backup"
    for number in range(10):
        assert server.get(f"/still{number}").body == b"master"


def test_many_failures_of_two_urls_do_not_block(make):
    master, backup = make.origin("master"), make.origin("backup")
    master.on("/bad0", GARBLED)
    master.on("/bad1", GARBLED)
    server = make.headwater([domain(master, backup)], workers=1)
    for number in range(40):
        assert server.get(f"/bad{number % 2}").body == b"backup"
    assert server.get("/well").body == b"master"


def test_few_failures_among_many_successes_do_not_block(make):
    master, backup = make.origin("master"), make.origin("backup")
    master.default = lambda request: GARBLED if "bad" in request.path else Reply(body=b"master")
    server = make.headwater([domain(master, backup)], workers=1)
    for number in range(20):
        assert server.get(f"/bad{number}").body == b"backup"
        assert server.get(f"/well{number}").body == b"master"
        assert server.get(f"/well-too{number}").body == b"master"


def test_a_master_that_fails_most_requests_is_blocked(make):
    master, backup = make.origin("master"), make.origin("backup")
    master.default = GARBLED
    server = make.headwater([domain(master, backup)], workers=1)
    for number in range(20):
        assert server.get(f"/{number}").body == b"backup"
    assert len(master.requests) == 6
    master.default = Reply(body=b"master")
    assert server.get("/well").body == b"backup"


def test_response_failures_block_one_domain_only(make):
    master, backup = make.origin("master"), make.origin("backup")
    master.default = lambda request: GARBLED if request.fields.get("Host") == "bad.test" else Reply(body=b"master")
    server = make.headwater([domain(master, backup, name="bad.test"), domain(master, backup, name="well.test")], workers=1)
    for number in range(10):
        assert server.get(f"/{number}", host="bad.test").body == b"backup"
    assert len(master.requests) == 6
    assert server.get(host="well.test").body == b"master"


def test_statuses_block_only_when_they_are_listed(make):
    plain, listed, backup = make.origin("plain"), make.origin("listed"), make.origin("backup")
    plain.default = listed.default = Reply(status=503)
    server = make.headwater([
        domain(plain, backup, name="plain.test"),
        domain(listed, backup, name="listed.test", detect={"statuses": [503]}),
    ], workers=1)  # fmt: skip
    for number in range(12):
        assert server.get(f"/{number}", host="plain.test").body == b"backup"
        assert server.get(f"/{number}", host="listed.test").body == b"backup"
    assert len(plain.requests) == 12 and len(listed.requests) == 6


def test_without_a_backup_at_most_half_is_blocked_for_bad_responses(make):
    masters = [make.origin(f"m{number}") for number in range(4)]
    for master in masters:
        master.default = GARBLED
    server = make.headwater([domain(masters, failover={"attempts": 1})], workers=1)
    for number in range(60):
        server.get(f"/{number}")
    for master in masters:
        master.forget()
    for number in range(40):
        server.get(f"/more{number}")
    assert sum(bool(master.requests) for master in masters) == 2


def test_a_quiet_site_stops_waiting_for_a_dead_address(make):
    """One request waits for the connect timeout; background probes then spare all others the wait."""
    master, backup = make.origin("master"), make.origin("backup")
    master.drop_syn()
    server = make.headwater([domain(master, backup)], SILENT)
    first = server.get("/first")
    assert first.body == b"backup" and first.seconds > 0.9
    time.sleep(CONFIRMED + 0.5)
    second = server.get("/second")
    assert second.body == b"backup" and second.seconds < 0.9
    assert attempts_of(server, "/second") == [("backup", "none")]


def test_all_blocked_tries_the_one_whose_block_ends_first(make):
    first, second = make.origin("first"), make.origin("second")
    first.down()
    second.down()
    server = make.headwater([domain([first, second])], workers=1)
    for number in range(3):
        assert server.get(f"/{number}").status == 502
    time.sleep(CONFIRMED)
    first.up()
    second.up()
    assert server.get().status == 200


def test_all_blocked_may_fail_at_once(make):
    master = make.origin("master")
    master.drop_syn()
    server = make.headwater([domain(master, all_blocked="fail")], SILENT)
    assert server.get("/first").status == 504
    time.sleep(CONFIRMED + 0.5)
    response = server.get("/second")
    assert (response.status, response.error) == (503, "all_blocked")
    assert response.seconds < 0.9


def test_slow_start_brings_an_address_back_gently(make):
    bad, good = make.origin("bad"), make.origin("good")
    bad.down()
    server = make.headwater([domain([bad, good])], {"block_time": "1s", "ramp_time": "20s"}, workers=1)
    for number in range(4):
        server.get(f"/a{number}")
    time.sleep(CONFIRMED)
    bad.up()
    end = time.monotonic() + 5
    while not bad.requests and time.monotonic() < end:
        server.get("/b")
    bad.forget()
    good.forget()
    for _ in range(60):
        server.get("/c")
    assert len(bad.requests) < 20 and len(good.requests) > 40


def test_a_block_is_known_to_every_worker(make):
    master, backup = make.origin("master"), make.origin("backup")
    master.down()
    server = make.headwater([domain(master, backup)], workers=4)
    server.get("/first")
    time.sleep(CONFIRMED)
    for number in range(24):  # connections spread over the workers
        server.get(f"/{number}")
    for number in range(24):
        assert attempts_of(server, f"/{number}") == [("backup", "none")]


def has_route(address):
    """Whether this machine would know where to send to."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((address, 9))
        except OSError:
            return False
    return True


def test_a_family_without_a_route_is_left_out_not_blocked(make):
    if has_route("2001:db8::1"):
        pytest.skip("this machine has a route for IPv6")
    good = make.origin("good")
    server = make.headwater([domain(["[2001:db8::1]:80", good.address])])
    for number in range(20):
        assert server.get(f"/{number}").body == b"good"
    assert "blocked" not in server.text


def test_a_family_without_a_route_is_no_reason_to_leave_the_master(make):
    if has_route("2001:db8::1"):
        pytest.skip("this machine has a route for IPv6")
    good, backup = make.origin("good"), make.origin("backup")
    server = make.headwater([domain(["[2001:db8::1]:80", good.address], backup)], workers=2)
    for number in range(20):
        assert server.get(f"/{number}").body == b"good"
    assert not backup.connections


def test_the_block_of_an_address_ends_when_it_is_well(make):
    master, backup = make.origin("master"), make.origin("backup")
    master.down()
    server = make.headwater([domain(master, backup)], {"block_time": "1s", "ramp_time": "1s"}, workers=1)
    for number in range(3):
        server.get(f"/{number}")
    master.up()
    end = time.monotonic() + 8
    while server.get("/x").body != b"master":
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("how", [Origin.down, Origin.drop_syn], ids=["refuses", "drops SYN"])
def test_no_request_waits_for_a_blocked_address_while_another_is_well(make, how):
    """The 21st to the 60th request, whatever came before."""
    bad, good = make.origin("bad"), make.origin("good")
    how(bad)
    server = make.headwater([domain(origin_of([bad, good]))], {"block_time": "20s", **SILENT}, workers=2)
    ask_at_once(server, [f"/a{number}" for number in range(20)])
    time.sleep(0.2)
    begun = time.monotonic()
    for number in range(40):
        assert server.get(f"/b{number}").body == b"good"
    assert time.monotonic() - begun < 4
    for number in range(40):
        assert attempts_of(server, f"/b{number}") == [("master", "none")]
