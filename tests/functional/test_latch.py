"""Staying on the backup: latch and hold-down (origin-pull.md section 3)."""
import time

import control
import pytest
from domains import domain, origin_of
from origin import Reply

QUICK = {"block_time": "1s", "block_time_max": "2s", "ramp_time": "1s"}


def block(server, master):
    """Has the master found dead, and lets the block end."""
    master.down()
    for number in range(4):
        assert server.get(f"/dead{number}").body == b"backup"
    time.sleep(1)
    assert server.get("/blocked").body == b"backup"
    master.up()


def pair(make, **backup):
    master, other = make.origin("master"), make.origin("backup")
    server = make.headwater([domain(master, origin_of(other, **backup))], QUICK, workers=2)
    assert server.get("/before").body == b"master"
    return server, master


def wait_for_master(server, within):
    begun = time.monotonic()
    while server.get("/waiting").body != b"master":
        assert time.monotonic() - begun < within, "it never went back"
        time.sleep(0.05)
    return time.monotonic() - begun


def test_without_a_latch_the_master_comes_back_by_itself(make):
    server, master = pair(make)
    block(server, master)
    wait_for_master(server, 8)


def test_a_manual_latch_stays_on_the_backup(make):
    server, master = pair(make, latch="manual")
    block(server, master)
    end = time.monotonic() + 4
    master.forget()
    while time.monotonic() < end:
        assert server.get("/after").body == b"backup"
        time.sleep(0.05)
    assert not master.requests


@pytest.mark.parametrize("staying", [{"latch": "manual"}, {"hold_down_s": 8}], ids=["latch", "hold_down"])
def test_a_block_that_nobody_met_counts_as_well(make, staying):
    """It is confirmed behind the last request, and over before the next one."""
    server, master = pair(make, **staying)
    master.down()
    assert server.get("/dead").body == b"backup"
    server.wait_line(": blocked, was")
    master.up()
    server.wait_line("ready for a trial")
    master.forget()
    for number in range(5):
        assert server.get(f"/after{number}").body == b"backup"
    assert not master.requests


def test_a_latch_is_not_set_by_a_mere_status(make):
    server, master = pair(make, latch="manual")
    master.default = Reply(status=503)
    for number in range(10):
        assert server.get(f"/{number}").body == b"backup"
    master.default = Reply(body=b"master")
    assert server.get("/well").body == b"master"


def test_hold_down_stays_at_least_so_long(make):
    server, master = pair(make, hold_down_s=5)
    begun = time.monotonic()
    block(server, master)
    while time.monotonic() - begun < 3.5:
        assert server.get("/held").body == b"backup"
        time.sleep(0.05)
    wait_for_master(server, 10)


def test_a_latch_survives_a_reload_that_keeps_it(make):
    master, other = make.origin("master"), make.origin("backup")
    made = domain(master, origin_of(other, latch="manual"))
    server = make.headwater([made], QUICK)
    assert server.get("/before").body == b"master"
    block(server, master)
    server.write_domains([{**made, "debug": "on"}])
    time.sleep(2)
    assert server.get("/after").body == b"backup"
    server.write_domains([domain(master, origin_of(other, latch="off"))])
    wait_for_master(server, 8)


def test_an_operator_says_back(make):
    master, other = make.origin("master"), make.origin("backup")
    plane = control.Plane(make, "serve", QUICK, log=False)
    server = plane.program
    made = domain(master, origin_of(other, latch="manual"))
    plane.admin.ok("createDomain", made)
    end = time.monotonic() + 5
    while server.get("/before").body != b"master":
        assert time.monotonic() < end, "it was never served"
    block(server, master)
    time.sleep(2)
    assert server.get("/held").body == b"backup"
    told = plane.operator.ok("returnDomain", query={"dry_run": 1}, name=made["name"])
    assert told["changes"][0]["diff"] == ["backup.latch_ends: 0 -> 1"]
    assert server.get("/dry").body == b"backup"
    assert plane.operator.ok("returnDomain", name=made["name"])["backup"]["latch_ends"] == 1
    wait_for_master(server, 10)
    # The next block holds it again.
    block(server, master)
    time.sleep(2)
    assert server.get("/held-again").body == b"backup"


def test_only_who_has_a_backup_goes_back(make):
    plane = control.Plane(make)
    plane.admin.ok("createDomain", control.domain("a.test"))
    assert plane.operator.call("returnDomain", name="a.test").problem == "no-backup"
    assert plane.operator.call("returnDomain", name="b.test").problem == "no-such-domain"
