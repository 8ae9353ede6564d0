"""Selecting an address (origin-pull.md section 2)."""
import collections

import pytest
from domains import domain, origin_of
from origin import Reply


def weighted(*pairs):
    return [f"{origin.address}:{weight}" for origin, weight in pairs]


def ask(server, count, target=None):
    """Which origin served each of `count` requests."""
    with server.connect() as connection:
        names = []
        for number in range(count):
            connection.request(target=target or f"/{number}")
            names.append(connection.response().body.decode())
        return names


@pytest.fixture(name="abc")
def _abc(make):
    return [make.origin(name) for name in "abc"]


def test_each_round_has_exactly_the_weights(make, abc):
    server = make.headwater([domain(weighted(*zip(abc, (1, 2, 3))))], workers=1)
    names = ask(server, 60)
    for at in range(0, 60, 6):
        assert collections.Counter(names[at : at + 6]) == {"a": 1, "b": 2, "c": 3}


def test_the_order_within_rounds_is_random(make, abc):
    server = make.headwater([domain(abc)], workers=1)
    names = ask(server, 90)
    assert len({tuple(names[at : at + 3]) for at in range(0, 90, 3)}) > 2


def test_equal_weights_by_default(make, abc):
    server = make.headwater([domain(abc)], workers=1)
    assert collections.Counter(ask(server, 30)) == {"a": 10, "b": 10, "c": 10}


def test_shares_hold_over_workers(make, abc):
    """Within workers × weight at any time, as each worker has a bag of its own."""
    server = make.headwater([domain(weighted(*zip(abc, (1, 2, 3))))], workers=2)
    count = collections.Counter()
    for _ in range(20):
        count.update(ask(server, 6))
    for name, weight in zip("abc", (1, 2, 3)):
        assert abs(count[name] - 20 * weight) <= 2 * weight


def test_a_weight_of_zero_takes_nothing(make, abc):
    server = make.headwater([domain(weighted(*zip(abc, (0, 1, 1))))], workers=1)
    assert collections.Counter(ask(server, 20)) == {"b": 10, "c": 10}


def test_a_drained_address_is_no_refuge_either(make, abc):
    a, b, c = abc
    b.default = c.default = Reply(cut="before", how="close")
    server = make.headwater([domain(weighted((a, 0), (b, 1), (c, 1)))])
    assert server.get().status == 502
    assert not a.requests


def test_all_weights_zero_is_an_honest_error_or_the_backup(make, abc):
    a, b, c = abc
    alone = domain(weighted((a, 0), (b, 0)), name="alone.test")
    server = make.headwater([alone, domain(weighted((a, 0)), c, name="backed.test")])
    response = server.get(host="alone.test")
    assert (response.status, response.error) == (503, "no_address")
    assert server.get(host="backed.test").body == b"c"


def test_the_turn_of_a_blocked_address_is_dropped_not_deferred(make, abc):
    a, b, c = abc
    a.down()
    server = make.headwater([domain(weighted(*zip(abc, (2, 1, 1))))], workers=1)
    for number in range(4):
        ask(server, 4)
    a.up()  # it stays blocked
    assert collections.Counter(ask(server, 40)) == {"b": 20, "c": 20}


def test_hash_keeps_a_url_at_one_address(make, abc):
    server = make.headwater([domain(origin_of(abc, policy="hash"))], workers=2)
    first = {url: ask(server, 1, url)[0] for url in (f"/{number}" for number in range(30))}
    assert set(first.values()) == {"a", "b", "c"}
    for url, name in first.items():
        assert ask(server, 2, url) == [name, name]


def test_hash_moves_only_what_it_must(make, abc):
    a, b, c = abc
    server = make.headwater([domain(origin_of(abc, policy="hash"))], workers=1)
    urls = [f"/{number}" for number in range(30)]
    first = {url: ask(server, 1, url)[0] for url in urls}
    a.down()
    for url in urls:
        name = ask(server, 1, url)[0]
        assert name == first[url] if first[url] != "a" else name in "bc"


def test_least_load_avoids_a_slow_address(make, abc):
    a, b, c = abc
    a.default = Reply(body=b"a", delay=0.1)
    server = make.headwater([domain(origin_of([a, b], policy="least_load"))], workers=1)
    count = collections.Counter(ask(server, 60))
    assert count["b"] > count["a"]


def test_domains_have_bags_of_their_own(make, abc):
    server = make.headwater([domain(abc, name=f"d{number}.test") for number in range(3)], workers=1)
    for number in range(3):
        with server.connect() as connection:
            names = []
            for _ in range(9):
                connection.request(host=f"d{number}.test")
                names.append(connection.response().body)
        assert set(collections.Counter(names).values()) == {3}
