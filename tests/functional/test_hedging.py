"""Hedging: a GET whose master is late goes to the hot backup as well (`hedge.after`, `hedge.budget`)."""
import time

import content
import pytest
from broken import File, ask
from caching import FRESH, at_once, says, wait_until, word
from domains import domain
from origin import Generated, Reply

HEDGE = {"after": "p95", "budget": "50%"}
SLOW = 2.0  # seconds; shorter than nothing that is waited for here


def hedged(master, backup, hedge=HEDGE, **fields):
    """A domain whose master may take its time."""
    if hedge:
        fields["hedge"] = hedge
    slow = {"connect_timeout": "1s", "head_timeout": "10s", "idle_timeout": "10s", "type": "self"}
    return domain({**slow, "addresses": [master.address]}, backup, **fields)


def pair(make, hedge=HEDGE, reply=None, **fields):
    """A master that is known to answer at once, and its backup."""
    master, backup = make.origin("master"), make.origin("backup")
    server = make.headwater([hedged(master, backup, hedge, **fields)], workers=2)
    for number in range(80):
        assert server.get(f"/known{number}").body == b"master"
    assert len(backup.requests) <= 8  # a busy machine is late now and then
    backup.forget()
    master.default = reply or Reply(body=b"master", delay=SLOW)
    return server, master, backup


def late_lines(server, count):
    """What the log says of those of so many requests that came late; each worker writes its own."""
    return [line for line in server.wait_log(count) if line["path"].startswith("/late")]


def test_the_backup_answers_for_a_master_that_is_late(make):
    server, master, _ = pair(make)
    for number in range(10):
        response = server.get(f"/late{number}")
        assert (response.status, response.body) == (200, b"backup")
        assert response.seconds < SLOW
    rows = [line["attempts"] for line in late_lines(server, 90)]
    assert [[(row["role"], row["next"]) for row in attempts] for attempts in rows] == [
        [("master", "late"), ("backup", "deliver")]] * 10
    assert {row["reason"] for attempts in rows for row in attempts} == {"none"}
    # That it was given up is no failure of the master: it is asked first (and may be late, on a busy machine).
    master.forget()
    master.default = Reply(body=b"master")
    assert server.get("/again").status == 200
    wait_until(lambda: [request.target for request in master.requests] == ["/again"], "the master is asked")


def test_without_hedging_a_late_master_is_waited_for(make):
    server, _, backup = pair(make, hedge=None)
    response = server.get("/late")
    assert response.body == b"master" and response.seconds >= SLOW
    assert not backup.requests


def test_no_more_is_hedged_than_the_budget_says(make):
    server, master, backup = pair(make, {"after": "p50", "budget": "5%"}, Reply(body=b"master", delay=0.5))
    responses = at_once(server, 60, "/late")
    assert {response.body for response in responses} <= {b"master", b"backup"}
    hedged = len(backup.requests)
    # Those of before count, and each that is over; what was hedged among the first eighty is not known to be none.
    assert 1 <= hedged <= 0.05 * 140
    assert sum(response.body == b"backup" for response in responses) <= hedged


def test_a_crowd_costs_one_hedge(make):
    """Collapsing holds: one pull from the master and one from the backup, and what the backup said is remembered."""
    server, master, backup = pair(make)
    master.forget()
    master.default = says(FRESH, body=b"master", delay=SLOW)
    backup.default = says(FRESH, body=Generated("h", 200_000))
    responses = at_once(server, 50, "/crowd")
    assert {(response.status, response.digest) for response in responses} == {(200, content.digest("h", 200_000))}
    assert (len(master.requests), len(backup.requests)) == (1, 1)
    assert word(server.get("/crowd")) == "HIT"


def test_a_late_master_that_answers_first_is_the_answer(make):
    server, master, backup = pair(make, reply=Reply(body=b"master", delay=0.6))
    backup.default = Reply(body=b"backup", delay=SLOW)
    begun = time.monotonic()
    response = server.get("/late")
    assert response.body == b"master" and time.monotonic() - begun < SLOW
    assert len(backup.requests) == 1
    [line] = late_lines(server, 81)
    assert [(row["role"], row["next"]) for row in line["attempts"]] == [("master", "deliver"), ("backup", "late")]


def test_what_may_not_be_sent_twice_is_not_hedged(make):
    server, master, backup = pair(make)
    response = server.ask("POST", "/late", body=b"once")
    assert response.body == b"master" and response.seconds >= SLOW
    assert not backup.requests
    assert sum(request.method == "POST" for request in master.requests) == 1


@pytest.mark.parametrize("winner", ["master", "backup"])
def test_who_came_second_may_be_asked_for_the_rest(make, winner):
    """Not to be waited for is no reason not to be asked again, once the first one's body has broken off."""
    server, *origins = pair(make, cache={"mode": "off"})
    delays = {"master": 0.6, "backup": SLOW} if winner == "master" else {"master": SLOW, "backup": 0.0}
    files = {}
    for origin in origins:
        file = files[origin.name] = File(500_000, delay=delays[origin.name])
        file.later = lambda _, file=file: setattr(file, "delay", 0.0)
        if origin.name == winner:
            file.breaks, file.later = [("close", 300_000)], lambda _: Reply(cut="before")
        origin.on("/late", file)
    got = ask(server, "/late")
    assert got.is_whole and got.digest == files["master"].digest
    other = files["backup" if winner == "master" else "master"]
    assert [pull[0] for pull in other.pulls] == [None, f"bytes={300_000 - 4096}-"]


@pytest.mark.parametrize("keeps_master", [True, False])
def test_what_is_known_of_a_master_outlives_a_change_of_the_domain(make, keeps_master):
    server, master, backup = pair(make, HEDGE | {"after": "p90"})
    other = master if keeps_master else make.origin("other")
    for origin in (master, other):
        origin.default = Reply(body=b"master", delay=SLOW)
        origin.on("/known", Reply(body=b"known"))
    server.write_domains([hedged(other, backup, debug=True)])
    wait_until(lambda: "X-Headwater-Origin" in server.get("/known").fields, "the change")
    time.sleep(0.5)  # every worker has it, and nobody has anything of what it was
    backup.forget()
    response = server.get("/late")
    assert response.body == (b"backup" if keeps_master else b"master")
    assert len(backup.requests) == keeps_master


def test_a_small_body_that_breaks_off_behind_a_hedge_is_asked_for_elsewhere(make):
    """What is held back until it is whole is still to be had from who came second."""
    server, master, backup = pair(make, cache={"mode": "off"})
    backup.default = Reply(body=b"b" * 10_000, cut="mid_body", cut_after=5000)
    master.on("/late", [Reply(body=b"late", delay=SLOW), Reply(body=b"master")])
    response = server.get("/late")
    assert (response.status, response.body) == (200, b"master")
