"""Settings that are changed while the control plane runs: they hold at once, outlive it, and are held against the domains."""
import http.client
import os
import re
import signal
import sqlite3
import sys
import threading
import time

import contract
import control
import pytest
from control import domain
from program import ROOT

sys.path.insert(0, str(ROOT / "tools"))

from tables import Table  # noqa: E402

ROWS = {row["name"]: row for row in Table(ROOT / "src/control/setting.def").rows()}
DAY_MS = 86400000
LIFTED = " (the setting origin_rules: extended lifts this)"
R2 = "R2: HTTPS origin-pull (protocol https or follow) cannot be combined with a hot backup origin" + LIFTED


@pytest.fixture
def plane(make):
    return control.Plane(make)


def settings(plane):
    """name -> the row of the answer."""
    return {item["name"]: item for item in plane.viewer.ok("readSettings")["items"]}


def value(plane, name):
    return settings(plane)[name]["value"]


def change(plane, **values):
    return plane.admin.ok("changeSettings", values)


def start_again(plane):
    plane.program.stop()
    plane.program.start()
    reach(plane)


def reach(plane):
    """Everybody asks where it is now."""
    plane.find_address()
    for role in control.ROLES:
        getattr(plane, role).address = plane.address
        getattr(plane, role).close()
    plane.wait_open()


def store_of(plane):
    """The database of a control plane that does not run."""
    return sqlite3.connect(plane.state / "headwater.db")


# ---- the contract ----


def test_the_contract_has_each_setting_as_the_table_has_it():
    said = contract.document()["components"]["schemas"]["SettingsPatch"]["properties"]
    assert sorted(said) == sorted(ROWS)
    for name, row in ROWS.items():
        if row["type"] == "CHOICE":
            assert said[name] == {"enum": [*row["allowed"].split("|"), None]}
        else:
            low, high = map(int, row["allowed"].split("-"))
            assert said[name] == {"type": ["integer", "null"], "minimum": low, "maximum": high}


def test_the_answer_has_each_setting_as_the_table_has_it(plane):
    found = settings(plane)
    assert list(found) == list(ROWS)
    for name, row in ROWS.items():
        item = found[name]
        assert item["words"] == row["words"]
        assert str(item["default"]) == row["default"] and item["value"] == item["default"]
        assert item["from"] == ("process" if name == "origin_rules" else "default")
        allowed = "|".join(item["choices"]) if "choices" in item else f"{item['min']}-{item['max']}"
        assert allowed == row["allowed"]


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row["type"] == "INTEGER"])
def test_a_range_of_the_table_is_that_of_the_setting(plane, name):
    low, high = map(int, ROWS[name]["allowed"].split("-"))
    for number, is_good in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
        answer = plane.admin.call("changeSettings", {name: number}, query={"dry_run": "1"})
        assert (answer.status == 200) == is_good, answer
        assert is_good or answer.json["errors"] == [
            {"pointer": "/" + name, "rule": "range", "detail": f"is not a whole number in {ROWS[name]['allowed']}"}]  # fmt: skip


# ---- changes ----


def test_a_change_outlives_the_process_and_its_death(plane):
    change(plane, stats_days=90, origin_rules="extended")
    change(plane, stats_days=91, purge_days=2)
    change(plane, purge_days=None)
    before = plane.viewer.call("readSettings")
    assert before.etag == '"3-classic"'
    start_again(plane)
    assert plane.viewer.call("readSettings").body == before.body
    plane.program.is_broken_fine = True
    plane.program.kill()
    plane.program.start()
    reach(plane)
    after = plane.viewer.call("readSettings")
    assert (after.body, after.etag) == (before.body, before.etag)
    assert plane.viewer.ok("status")["rules"] == "extended"


def set_days(plane, days):
    """Sets two at once; whether that was acknowledged."""
    try:
        answer = plane.admin.call("changeSettings", {"stats_days": days, "session_minutes": days + 5})
    except (OSError, http.client.HTTPException):
        return False
    assert answer.status in (200, 503), answer
    return answer.status == 200


def test_what_was_acknowledged_is_there_after_any_kill(make):
    """What was not is there, too, or not; and nothing is there by half."""
    plane = control.Plane(make, "serve", log=False)
    plane.program.is_broken_fine = True
    known, made = 30, 0
    assert set_days(plane, known)
    for number in range(12):
        (pid,) = plane.program.control_pids()
        killer = threading.Timer(0.02 + 0.013 * number, os.kill, [pid, signal.SIGKILL])
        killer.start()
        maybe = set()
        while pid in plane.program.control_pids():
            sent = (max({known, *maybe}) % 300) + 1
            if set_days(plane, sent):
                known, maybe = sent, set()
                made += 1
            else:
                maybe.add(sent)
        killer.join()
        end = time.monotonic() + 30
        while not plane.program.control_pids():
            assert time.monotonic() < end
            time.sleep(0.01)
        plane.wait_open()
        found = settings(plane)
        assert found["stats_days"]["value"] in {known, *maybe}
        assert found["session_minutes"]["value"] == found["stats_days"]["value"] + 5
        known = found["stats_days"]["value"]
    assert made > 12


def test_what_the_process_is_given_is_the_default(make):
    plane = control.Plane(make, flags={"origin_rules": "extended"})
    row = settings(plane)["origin_rules"]
    assert (row["value"], row["default"], row["from"]) == ("extended", "extended", "process")
    change(plane, origin_rules="classic")
    row = settings(plane)["origin_rules"]
    assert (row["value"], row["default"], row["from"]) == ("classic", "extended", "store")
    assert plane.viewer.ok("status")["rules"] == "classic"
    start_again(plane)
    assert settings(plane)["origin_rules"] == row
    change(plane, origin_rules=None)
    assert plane.viewer.ok("status")["rules"] == "extended"


def test_a_session_is_as_long_as_the_setting_says(plane):
    change(plane, session_minutes=5)
    one = plane.login("admin", control.PASSWORD)
    left_ms = one.ok("whoami")["expires_ms"] - time.time() * 1000
    assert 4 * 60000 < left_ms <= 5 * 60000 + 1000


def test_no_edit_is_lost(plane):
    tag = plane.viewer.call("readSettings").etag
    change(plane, stats_days=90)
    late = plane.admin.call("changeSettings", {"stats_days": 7}, fields={"If-Match": tag})
    assert (late.status, late.problem) == (412, "precondition-failed")
    assert late.json["changes"] == ["stats_days: default -> 90"] and late.json["revision"] == 1
    made = plane.admin.call("changeSettings", {"stats_days": 7}, fields={"If-Match": late.etag})
    assert made.status == 200 and value(plane, "stats_days") == 7


# ---- history ----


def test_a_change_is_in_the_history_with_its_author(plane):
    since = time.time() * 1000 - 1000
    who = plane.user("setter", "admin")
    who.ok("createDomain", domain("history.test"))
    who.ok("changeSettings", {"stats_days": 90, "origin_rules": "extended"})
    plane.admin.ok("changeSettings", {"stats_days": None})
    last, first, made = plane.viewer.ok("readHistory")["items"]
    assert since < last.pop("at_ms") <= time.time() * 1000 + 1000
    assert last == {"revision": 3, "of": "settings", "name": "settings", "who": "admin/test-admin",
                    "action": "settings.change", "what": "changed", "diff": ["stats_days: 90 -> default"]}  # fmt: skip
    assert (first["of"], first["who"], first["diff"]) == (
        "settings", "setter", ["origin_rules: default -> extended", "stats_days: default -> 90"])  # fmt: skip
    assert (made["of"], made["name"]) == ("domain", "history.test")
    assert plane.admin.ok("rollbackSettings", {"revision": 2})["revision"] == 4
    assert value(plane, "stats_days") == 90
    # To a domain's history it is nothing.
    assert plane.admin.call("rollbackDomain", {"revision": 2}, name="settings").problem == "no-such-version"
    assert plane.admin.call("rollbackSettings", {"revision": 99}).problem == "no-such-version"


def test_edges_hear_nothing_of_it(make, origin):
    """Least of all those that know domains of before, of a store that has none."""
    plane = control.Plane(make, "serve", log=False)
    change(plane, stats_days=90)
    time.sleep(0.5)
    assert plane.program.get(host="edge.test").error == "no_domains"
    assert {edge["applied"] for edge in plane.viewer.ok("listEdges")["items"]} == {0}
    made = plane.admin.call("createDomain", domain("edge.test", origin.address))
    assert made.revision == 2
    change(plane, stats_days=91)
    end = time.monotonic() + 10
    while {edge["applied"] for edge in plane.viewer.ok("listEdges")["items"]} != {2}:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert plane.viewer.ok("status")["revision"] == 2
    # A purge waits for no more than that.
    number = plane.operator.ok("createPurge", {"what": "domain", "values": ["edge.test"]})["number"]
    while plane.viewer.ok("readPurge", number=number)["state"] != "done":
        assert time.monotonic() < end
        time.sleep(0.02)


# ---- rules ----


def break_rules(plane, *names):
    """Has domains break R2, which this version makes by no request: it cannot serve them yet."""
    plane.program.stop()
    store = store_of(plane)
    for name in names:
        changed = store.execute("""UPDATE domain SET body = json_set(body, '$.origin.protocol', 'https') WHERE name = ?""", [name])
        assert changed.rowcount == 1
    store.commit()
    store.close()
    plane.program.start()
    reach(plane)


def test_rules_do_not_become_classic_while_domains_break_them(plane):
    names = [f"n{number:02}.rules.test" for number in range(22)]
    for name in [*names, "good.rules.test"]:
        plane.admin.ok("createDomain", domain(name, backup=["192.0.2.2"]))
    change(plane, origin_rules="extended")
    break_rules(plane, *names)
    revision = plane.viewer.ok("readSettings")["revision"]
    for query in ({"dry_run": "1"}, {}):
        for wanted in ("classic", None):
            answer = plane.admin.call("changeSettings", {"origin_rules": wanted, "stats_days": 90}, query=query)
            assert (answer.status, answer.problem) == (409, "rules-broken")
            assert answer.json["detail"] == f"22 domains break the classic rules: {', '.join(names[:20])}, and 2 more"
            assert answer.json["errors"] == [
                {"pointer": "/origin_rules", "rule": "R2", "detail": f"{name}: {R2}"} for name in names[:20]]  # fmt: skip
    assert plane.viewer.ok("readSettings")["revision"] == revision and value(plane, "stats_days") == 30
    for name in names:
        answer = plane.admin.call("changeOrigin", {"protocol": "http"}, name=name)
        assert answer.status == 200, answer
    change(plane, origin_rules="classic")
    answer = plane.admin.call("changeOrigin", {"protocol": "https"}, name=names[0])
    assert [error["detail"] for error in answer.json["errors"]] == [R2]


def rules_broken(answer):
    return {rule for _, rule in answer.errors if rule.startswith("R")}


def test_whatever_checks_domains_goes_by_the_setting(plane):
    """Each way to a domain that breaks R1 or R2, under both rules; under the wider ones nothing is changed here."""
    name = "ways.rules.test"
    https = {"addresses": ["192.0.2.1"], "protocol": "https"}
    whole = domain(name, backup=["192.0.2.2"])
    broken = {**whole, "origin": https}
    plane.admin.ok("createDomain", whole)
    yaml = f"domains: [{{name: {name}, origin: {{addresses: [192.0.2.1], protocol: https}}, backup: {{addresses: [192.0.2.2]}}}}]"
    match = {"If-Match": "*"}
    ways = [
        lambda query: plane.admin.call("createDomain", {**broken, "name": "new.rules.test"}, query=query),
        lambda query: plane.admin.call("replaceDomain", broken, name=name, fields=match, query=query),
        lambda query: plane.admin.call("changeDomain", {"origin": {"protocol": "https"}}, name=name, query=query),
        lambda query: plane.admin.call("changeOrigin", {"protocol": "follow"}, name=name, query=query),
        lambda query: plane.admin.call("replaceOrigin", https, name=name, fields=match, query=query),
        lambda query: plane.admin.call("changeBackup", {"protocol": "https"}, name=name, query=query),
        lambda query: plane.admin.call("replaceBackup", https, name=name, fields=match, query=query),
        lambda query: plane.admin.call("apply", yaml, query=query),
    ]
    for rules, wanted in (("classic", {"R2"}), ("extended", set()), (None, {"R2"})):
        change(plane, origin_rules=rules)
        for number, way in enumerate(ways):
            for query in ({}, {"dry_run": "1"}) if wanted else ({"dry_run": "1"},):
                answer = way(query)
                is_refused = answer.status == 422 and rules_broken(answer) == wanted
                assert is_refused if wanted else answer.status in (200, 201), (rules, number, answer)
    # A version that broke no rule when it was made, and does now.
    plane.admin.ok("changeDomain", {"debug": True}, name=name)
    first = plane.viewer.ok("readDomainHistory", name=name)["items"][-1]["revision"]
    plane.program.stop()
    store = store_of(plane)
    store.execute("UPDATE history SET body = json_set(body, '$.origin.protocol', 'https') WHERE name = ? AND revision = ?", [name, first])
    store.commit()
    store.close()
    plane.program.start()
    reach(plane)
    for rules, wanted in (("classic", {"R2"}), ("extended", set())):
        change(plane, origin_rules=rules)
        answer = plane.admin.call("rollbackDomain", {"revision": first}, name=name)
        is_refused = answer.status == 422 and rules_broken(answer) == wanted
        assert is_refused if wanted else answer.status == 200, answer


def test_where_a_file_has_the_domains(make):
    plane = control.Plane(make, "serve", domains=[{"name": "file.test", "origin": {"addresses": ["192.0.2.1"]}}], log=False)
    assert plane.viewer.ok("status")["managed_by"].endswith("domains.json")
    answer = plane.admin.call("changeSettings", {"origin_rules": "extended"})
    assert (answer.status, answer.problem) == (409, "managed-by-file")
    path = plane.program.domains_path
    assert answer.json["detail"] == f"the domains are managed by {path}, by the origin_rules that the server was started with"
    change(plane, stats_days=90)
    row = settings(plane)["origin_rules"]
    assert (row["value"], row["from"]) == ("classic", "process")
    assert re.fullmatch(r'"\d+-classic-file"', plane.viewer.call("readSettings").etag)
    assert plane.viewer.ok("readHistory")["items"][0]["diff"] == ["stats_days: default -> 90"]


# ---- what is kept ----


def test_history_goes_after_its_days(plane):
    for number in range(3):
        plane.admin.ok("createDomain" if number == 0 else "changeDomain",
                       domain("kept.test") if number == 0 else {"debug": number % 2 == 1},
                       **({} if number == 0 else {"name": "kept.test"}))  # fmt: skip
    plane.program.stop()
    store = store_of(plane)
    store.execute("UPDATE history SET at = at - ? * (4 - revision)", [10 * DAY_MS])
    store.commit()
    store.close()
    plane.program.start()
    reach(plane)

    def versions():
        return [item["revision"] for item in plane.viewer.ok("readDomainHistory", name="kept.test")["items"]]

    def wait_for(wanted):
        end = time.monotonic() + 10
        while versions() != wanted:
            assert time.monotonic() < end, versions()
            time.sleep(0.05)

    assert versions() == [3, 2, 1]
    # What is 30 days old was replaced 20 days ago: it goes once that is too long ago.
    change(plane, history_days=25)
    time.sleep(1.5)
    assert versions() == [3, 2, 1]
    change(plane, history_days=15)
    wait_for([3, 2])
    change(plane, history_days=5)
    wait_for([3])
    # Also after another start, and what is there stays.
    plane.admin.ok("changeDomain", {"debug": True}, name="kept.test")
    start_again(plane)
    time.sleep(0.5)
    assert versions() == [7, 3]


def test_purges_go_after_their_days(plane):
    plane.admin.ok("createDomain", domain("purged.test"))
    for _ in range(2):
        plane.operator.ok("createPurge", {"what": "domain", "values": ["purged.test"]})
    plane.program.stop()
    store = store_of(plane)
    store.execute("UPDATE purge SET at = at - ? WHERE number = 1", [3 * DAY_MS])
    store.commit()
    store.close()
    plane.program.start()
    reach(plane)
    assert [item["number"] for item in plane.viewer.ok("listPurges")["items"]] == [2, 1]
    change(plane, purge_days=2)
    end = time.monotonic() + 10
    while [item["number"] for item in plane.viewer.ok("listPurges")["items"]] != [2]:
        assert time.monotonic() < end
        time.sleep(0.05)


# ---- stores of before ----


def test_a_store_of_the_first_form_goes_on(plane):
    plane.admin.ok("createDomain", domain("old.test"))
    plane.program.stop()
    store = store_of(plane)
    store.executescript("""DROP TABLE certificate; DROP TABLE setting; DROP INDEX history_at;
        DELETE FROM meta WHERE name IN ('certificates', 'settings', 'history_until'); PRAGMA user_version = 1;""")
    store.close()
    plane.program.start()
    reach(plane)
    assert plane.viewer.ok("readDomain", name="old.test")["revision"] == 1
    assert plane.viewer.ok("readSettings")["revision"] == 0
    assert change(plane, stats_days=90)["revision"] == 2
