"""Origins by name: resolved by their TTLs, and the last good addresses stay when the resolver fails."""
import collections
import threading
import time

import pytest
from domains import SLACK, domain
from origin import Reply


@pytest.fixture(name="names")
def _names(make):
    return make.nameserver()


def served_by(make, names, domains, **options):
    return make.headwater(domains, {"dns_servers": names.address}, **options)


def two_on_one_port(make):
    """Two servers that differ by address only, as those of one name do."""
    one = make.origin("one", host="127.0.0.1")
    return one, make.origin("two", host="127.0.0.2", port=one.port)


def test_a_name_is_resolved(make, names, origin):
    names.set("origin.test", ["127.0.0.1"])
    server = served_by(make, names, [domain(f"origin.test:{origin.port}")])
    assert server.get().body == b"master"
    assert server.wait_log(1)[0]["attempts"][0]["address"] == origin.address
    for _ in range(10):
        server.get()
    assert names.count("origin.test") == 1


def test_all_addresses_of_a_name_share_its_weight(make, names):
    one, two = two_on_one_port(make)
    three = make.origin("three")
    names.set("origin.test", ["127.0.0.1", "127.0.0.2"])
    server = served_by(make, names, [domain([f"origin.test:{one.port}:2", f"{three.address}:2"])], workers=1)
    for _ in range(4):  # the first round may begin before the name has its addresses
        server.get("/warm")
    time.sleep(0.2)
    count = collections.Counter(server.get(f"/{number}").body for number in range(40))
    assert abs(count[b"three"] - 20) <= 2 and abs(count[b"one"] - count[b"two"]) <= 3


def test_a_name_that_does_not_exist_is_an_honest_error(make, names):
    server = served_by(make, names, [domain("nowhere.test:80")])
    response = server.get()
    assert (response.status, response.error) == (502, "dns")
    assert response.seconds < 5 + SLACK


def test_a_name_that_does_not_exist_goes_to_the_backup(make, names, origin):
    server = served_by(make, names, [domain("nowhere.test:80", origin)])
    assert server.get().body == b"master"  # the name of that origin, which is the backup here


def test_a_name_that_fails_leaves_the_other_addresses(make, names, origin):
    server = served_by(make, names, [domain(["nowhere.test:80", origin.address])])
    for number in range(6):
        assert server.get(f"/{number}").body == b"master"


def test_a_change_is_followed_when_the_ttl_is_over(make, names):
    one, two = two_on_one_port(make)
    names.set("origin.test", ["127.0.0.1"], ttl=1)  # clamped to 5 s
    server = served_by(make, names, [domain(f"origin.test:{one.port}")])
    begun = time.monotonic()
    assert server.get().body == b"one"
    names.set("origin.test", ["127.0.0.2"], ttl=1)
    time.sleep(2)
    assert server.get().body == b"one", "the TTL is at least 5 s"
    while server.get().body != b"two":
        assert time.monotonic() - begun < 5 + 3 + SLACK
        time.sleep(0.1)
    assert time.monotonic() - begun > 4


def test_the_last_good_addresses_stay_when_the_resolver_fails(make, names, origin):
    names.set("origin.test", ["127.0.0.1"], ttl=5)
    server = served_by(make, names, [domain(f"origin.test:{origin.port}")])
    assert server.get().status == 200
    names.broken = True
    end = time.monotonic() + 8
    while time.monotonic() < end:
        assert server.get().status == 200
        time.sleep(0.1)
    assert names.count("origin.test") > 1, "it was never asked again"


def test_the_first_request_waits_for_the_answer_but_not_for_ever(make, names, origin):
    names.silent = True
    names.set("origin.test", ["127.0.0.1"])
    server = served_by(make, names, [domain(f"origin.test:{origin.port}", failover={"budget_s": 3})])
    response = server.get(timeout=20)
    assert response.status in (502, 504)
    assert response.seconds < 3 + SLACK + 1


def test_a_burst_of_first_requests_asks_once(make, names, origin):
    names.set("origin.test", ["127.0.0.1"])
    server = served_by(make, names, [domain(f"origin.test:{origin.port}")], workers=2)
    got = []
    threads = [threading.Thread(target=lambda: got.append(server.get().status)) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [200] * 30 and names.count("origin.test") == 1


def test_a_name_can_have_both_families(make, names, origin):
    names.set("origin.test", ["2001:db8::1", "127.0.0.1"])
    server = served_by(make, names, [domain(f"origin.test:{origin.port}")])
    for number in range(4):  # there is no route to 2001:db8::, which is left out
        assert server.get(f"/{number}").body == b"master"


def test_a_dead_address_of_a_name_is_skipped(make, names):
    one, two = two_on_one_port(make)
    one.down()
    names.set("origin.test", ["127.0.0.1", "127.0.0.2"])
    server = served_by(make, names, [domain(f"origin.test:{one.port}")])
    for number in range(10):
        assert server.get(f"/{number}").body == b"two"
    time.sleep(1)
    one.up()
    one.default = Reply(body=b"one")
    assert server.get("/still").body == b"two"


def test_the_hosts_file_counts(make, origin):
    server = make.headwater([domain(f"localhost:{origin.port}")])
    assert server.get().body == b"master"
