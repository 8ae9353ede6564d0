"""The domains file as a feed: what is valid is live within a second, what is not changes nothing."""
import json
import os
import signal
import time

import program
import pytest
from domains import domain
from load import Load
from origin import Reply

pytestmark = pytest.mark.racing

LIVE = 1.0
LIVE_CHECKED = LIVE + 1.0  # a sanitized program on a busy machine


@pytest.fixture(name="two")
def _two(make):
    return make.origin("one"), make.origin("two")


def wait_for(server, body, host="edge.test", within=LIVE_CHECKED):
    """Waits until a request is answered so; seconds that it took."""
    begun = time.monotonic()
    while server.get(host=host).body != body:
        assert time.monotonic() - begun < within, f"not live after {within} s:\n{server.text}"
        time.sleep(0.01)
    return time.monotonic() - begun


def text_of(*domains):
    return json.dumps({"domains": list(domains)}, indent=1)


def rename(server, text):
    server.write_text(text)


def overwrite(server, text):
    with open(server.domains_path, "w") as file:
        file.write(text)


def remove_and_create(server, text):
    server.domains_path.unlink()
    time.sleep(0.05)
    overwrite(server, text)


@pytest.mark.parametrize("how", [rename, overwrite, remove_and_create])
def test_a_valid_change_is_live_within_a_second(make, two, how):
    one, other = two
    server = make.headwater([domain(one)])
    assert server.get().body == b"one"
    for origin, body in ((other, b"two"), (one, b"one")):
        how(server, text_of(domain(origin)))
        wait_for(server, body)


def test_a_change_by_switching_a_link_is_live(make, two):
    one, other = two
    folder = make.inside("links")
    for name, origin in (("a", one), ("b", other)):
        (folder / name).mkdir()
        (folder / name / "domains.json").write_text(text_of(domain(origin)))
    (folder / "current").symlink_to("a")
    (folder / "domains.json").symlink_to("current/domains.json")
    server = make.headwater(flags=["--domains", str(folder / "domains.json")])
    assert server.get().body == b"one"
    for name, body in (("b", b"two"), ("a", b"one"), ("b", b"two")):
        (folder / "next").symlink_to(name)
        os.replace(folder / "next", folder / "current")
        wait_for(server, body)


def test_a_file_is_not_read_while_it_is_half_written(make, two):
    one, other = two
    server = make.headwater([domain(one)])
    text = text_of(domain(other))
    with open(server.domains_path, "w") as file:
        for at in range(0, len(text), 40):
            file.write(text[at : at + 40])
            file.flush()
            time.sleep(0.05)
            assert server.get().body == b"one"
    wait_for(server, b"two")


@pytest.mark.parametrize("text, told", [
    ("", "domains"),
    ("domains: [", "syntax"),
    ("{domains: [{name: edge.test}]}", "origin"),
    ("{domains: [{name: edge.test, origin: {addresses: [127.0.0.1:99999]}}]}", "/domains/0/origin/addresses/0"),
    ("{domains: [{name: edge.test, colour: red, origin: {addresses: [127.0.0.1]}}]}", "colour"),
    ("\0\1\2", "syntax"),
])  # fmt: skip
def test_an_invalid_file_is_refused_and_the_old_one_kept(make, two, text, told):
    one, other = two
    server = make.headwater([domain(one)])
    since = len(server.lines)
    server.write_text(text)
    server.wait_line(rf"domains\.json.*{told}", since=since)
    assert server.get().body == b"one"
    server.write_domains([domain(other)])
    wait_for(server, b"two")


def test_a_file_that_vanishes_changes_nothing(make, two):
    one, other = two
    server = make.headwater([domain(one)])
    server.domains_path.unlink()
    time.sleep(0.5)
    assert server.get().body == b"one"
    server.write_domains([domain(other)])
    wait_for(server, b"two")


def many(origin, count):
    return [domain(origin, name=f"d{number}.test") for number in range(count)]


def test_a_large_removal_waits_for_a_second_touch(make, two):
    one, _ = two
    server = make.headwater(many(one, 10))
    since = len(server.lines)
    server.write_domains(many(one, 7))
    server.wait_line(r"touch|remove", since=since)
    time.sleep(0.3)
    assert server.get(host="d9.test").status == 200
    server.domains_path.touch()
    wait = time.monotonic() + LIVE_CHECKED
    while server.get(host="d9.test").status != 421:
        assert time.monotonic() < wait
        time.sleep(0.02)
    assert server.get(host="d0.test").status == 200


def test_a_small_removal_does_not_wait(make, two):
    one, _ = two
    server = make.headwater(many(one, 10))
    server.write_domains(many(one, 8))
    wait = time.monotonic() + LIVE_CHECKED
    while server.get(host="d9.test").status != 421:
        assert time.monotonic() < wait
        time.sleep(0.02)


def test_force_removes_any_number_at_once(make, two):
    one, _ = two
    server = make.headwater(many(one, 10), ["--force"])
    server.write_domains(many(one, 1))
    wait = time.monotonic() + LIVE_CHECKED
    while server.get(host="d9.test").status != 421:
        assert time.monotonic() < wait
        time.sleep(0.02)


def test_a_request_keeps_what_it_began_with(make, two):
    one, other = two
    one.on("/slow", Reply(delay=1, body=b"one"))
    server = make.headwater([domain(dict(type="self", addresses=[one.address], head_timeout="5s"))])
    with server.connect() as connection:
        connection.request(target="/slow")
        one.wait(1)
        server.write_domains([domain(other)])
        wait_for(server, b"two")
        assert connection.response().body == b"one"
        connection.request()
        assert connection.response().body == b"two"


def test_an_idle_connection_lives_through_a_change_and_sees_it(make, two):
    one, other = two
    server = make.headwater([domain(one)])
    with server.connect() as connection:
        connection.request()
        assert connection.response().body == b"one"
        server.write_domains([domain(other)])
        wait_for(server, b"two")
        connection.request()
        assert connection.response().body == b"two"


def test_domains_come_and_go(make, two):
    one, other = two
    server = make.headwater([domain(one)], ["--force"])
    server.write_domains([domain(one), domain(other, name="new.test")])
    wait_for(server, b"two", host="new.test")
    server.write_domains([domain(other, name="new.test", status="offline")])
    wait = time.monotonic() + LIVE_CHECKED
    while server.get(host="new.test").status != 404 or server.get().status != 421:
        assert time.monotonic() < wait
        time.sleep(0.02)


def reload_under_load(make, two, count):
    one, other = two
    server = make.headwater([domain(one)], workers=2)
    with Load(server.address, clients=4, pause=0.001) as load:
        for number in range(count):
            origin, body = ((other, b"two"), (one, b"one"))[number % 2]
            server.write_domains([domain(origin, revision=number + 1)])
            wait_for(server, body)
    assert load.count > count and not load.failures, load.failures[:5]
    assert load.repeated == 0, "a reload ended a connection"
    server.assert_healthy()


def test_ten_reloads_under_load_fail_no_request(make, two):
    reload_under_load(make, two, 10)


@pytest.mark.soak
def test_a_hundred_reloads_under_load_fail_no_request(make, two):
    reload_under_load(make, two, 100)


def test_thousands_of_domains_load_and_change(make, two):
    one, other = two
    domains = many(one, 3000)
    server = make.headwater(domains)
    assert server.get(host="d2999.test").body == b"one"
    domains[2999] = domain(other, name="d2999.test")
    server.write_domains(domains)
    wait_for(server, b"two", host="d2999.test", within=LIVE_CHECKED + 3)


def kill_edge(server):
    (before,) = server.edge_pids()
    os.kill(before, signal.SIGKILL)
    end = time.monotonic() + 10
    while server.edge_pids() in ([], [before]) and time.monotonic() < end:
        time.sleep(0.02)


def upgrade(server):
    since = len(server.lines)
    server.signal(signal.SIGHUP)
    server.wait_line(r"has ended with exit code 0", since=since, timeout=20)


# Without a folder for state the supervisor keeps the last good list.
STATES = {"a folder of state": {}, "no folder of state": {"state_dir": ""}}


@pytest.mark.parametrize("how", [kill_edge, upgrade])
@pytest.mark.parametrize("state", STATES)
def test_a_new_edge_uses_the_last_good_list_while_the_file_is_broken(make, two, state, how):
    one, _ = two
    server = make.headwater([domain(one)], STATES[state])
    server.is_broken_fine = True
    assert server.get().body == b"one"
    server.write_text("domains: [")
    for _ in range(2):
        how(server)
        assert server.get(timeout=10).body == b"one"
    server.write_domains([domain(one, name="new.test"), domain(one)])
    wait_for(server, b"one", host="new.test")


@pytest.mark.parametrize("how", [kill_edge, upgrade])
@pytest.mark.parametrize("state", STATES)
def test_a_new_edge_does_not_take_a_removal_that_is_held(make, two, state, how):
    one, _ = two
    server = make.headwater(many(one, 10), STATES[state])
    server.is_broken_fine = True
    since = len(server.lines)
    server.write_domains(many(one, 3))
    server.wait_line("touch", since=since)
    for _ in range(2):
        how(server)
        assert server.get(host="d9.test", timeout=10).status == 200
    server.domains_path.touch()
    wait = time.monotonic() + LIVE_CHECKED
    while server.get(host="d9.test").status != 421:
        assert time.monotonic() < wait
        time.sleep(0.02)


def test_a_restart_uses_the_last_good_list_while_the_file_is_broken(make, two):
    one, _ = two
    server = make.headwater([domain(one)])
    assert server.get().body == b"one"
    server.stop()
    server.write_text("domains: [")
    server.start()
    assert server.get().body == b"one"


def test_a_first_start_with_a_broken_file_starts_nothing(make):
    folder = make.inside("broken")
    (folder / "domains.yaml").write_text("domains: [\n")
    code, _, errors = program.run("serve", "--domains", folder / "domains.yaml", "--listen", "127.0.0.1:0",
                                  "--state-dir", folder)  # fmt: skip
    assert code == 2 and "domains.yaml:" in errors
