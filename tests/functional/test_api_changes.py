"""Changes of domains by the API: the version that a change is made for, and what would change if it were made."""
import threading

import control
import pytest
from control import api, domain, made, name, newest, plane  # noqa: F401 - some are fixtures


CHANGES = {
    "replaceDomain": {"origin": {"addresses": ["192.0.2.9"]}},
    "changeDomain": {"debug": True},
    "deleteDomain": None,
    "startDomain": None,
    "stopDomain": None,
    "replaceOrigin": {"addresses": ["192.0.2.9"]},
    "changeOrigin": {"host": "b.example"},
    "replaceBackup": {"addresses": ["192.0.2.9"]},
    "changeBackup": {"host": "b.example"},
    "deleteBackup": None,
    "switchDomain": None,
    "weighAddress": {"role": "origin", "address": "192.0.2.1", "weight": 7},
    "rollbackDomain": {"revision": 1},
}
MUST_SAY = ["replaceDomain", "deleteDomain", "replaceOrigin", "replaceBackup"]


@pytest.fixture
def edited(api, made, name):
    """A domain that somebody else has changed after it was read: (what was read, what is there)."""
    now = api.call("changeDomain", {"cache": {"ttl_default": "10s"}, "origin": {"host": "elsewhere.example"}}, name=name)
    assert now.status == 200
    return made, now


@pytest.mark.parametrize("operation", CHANGES)
def test_a_change_for_another_version_is_told_what_has_changed(api, edited, name, operation):
    read, now = edited
    answer = api.call(operation, CHANGES[operation], name=name, fields={"If-Match": read.etag})
    assert (answer.status, answer.problem) == (412, "precondition-failed"), answer
    assert answer.json["revision"] == now.json["revision"] and answer.etag == now.etag
    assert answer.json["changes"] == ["origin.host: none -> elsewhere.example", "cache.ttl_default: 0s -> 10s"]
    assert api.ok("readDomain", name=name) == now.json


@pytest.mark.parametrize("operation", CHANGES)
@pytest.mark.parametrize("match", ["now", "any", "weak"])
def test_a_change_for_this_version_is_made(api, edited, name, operation, match):
    read, now = edited
    body = {"revision": read.json["revision"]} if operation == "rollbackDomain" else CHANGES[operation]
    fields = {"If-Match": {"now": now.etag, "any": "*", "weak": "W/" + now.etag}[match]}
    answer = api.call(operation, body, name=name, fields=fields, judged=match != "weak")
    if match == "weak":  # RFC 9110, 13.1.1: compared strongly, it never is
        assert answer.status == 412
    elif operation == "startDomain":
        assert answer.status == 200 and answer.etag == now.etag
    else:
        assert answer.status in (200, 204)
        after = api.call("readDomain", name=name)
        assert after.status == 404 if operation == "deleteDomain" else after.etag != now.etag


@pytest.mark.parametrize("operation", CHANGES)
def test_what_must_say_the_version_says_so(api, made, name, operation):
    body = {"revision": made.json["revision"]} if operation == "rollbackDomain" else CHANGES[operation]
    answer = api.call(operation, body, name=name)
    if operation in MUST_SAY:
        assert (answer.status, answer.problem) == (428, "precondition-required")
        assert api.ok("readDomain", name=name) == made.json
    else:
        assert answer.status in (200, 204), answer


@pytest.mark.parametrize("operation", MUST_SAY)
def test_that_it_is_not_another_version_says_nothing_of_the_version(api, made, name, operation):
    """If-None-Match with a tag holds for every version but one."""
    answer = api.send(*{
        "replaceDomain": ("PUT", f"/api/v1/domains/{name}"), "deleteDomain": ("DELETE", f"/api/v1/domains/{name}"),
        "replaceOrigin": ("PUT", f"/api/v1/domains/{name}/origin"), "replaceBackup": ("PUT", f"/api/v1/domains/{name}/backup"),
    }[operation], CHANGES[operation], {"If-None-Match": '"1"'})  # fmt: skip
    assert answer.status in (400, 412, 428), answer
    assert api.ok("readDomain", name=name) == made.json


@pytest.mark.parametrize("operation", ["changeDomain", "replaceDomain"])
def test_a_revision_in_the_body_is_as_one_in_the_head(api, edited, name, operation):
    read, now = edited
    body = {**CHANGES[operation], "revision": read.json["revision"]}
    fields = {"If-Match": "*"} if operation == "replaceDomain" else {}
    answer = api.call(operation, body, name=name, fields=fields)
    assert answer.status == 412 and answer.json["revision"] == now.json["revision"]
    assert answer.json["changes"] == ["origin.host: none -> elsewhere.example", "cache.ttl_default: 0s -> 10s"]
    body["revision"] = now.json["revision"]
    assert api.call(operation, body, name=name, fields=fields).status == 200


@pytest.mark.parametrize("operation", CHANGES)
def test_a_change_of_nothing_says_so(api, name, operation):
    fields = {"If-Match": "*"} if operation in MUST_SAY else {}
    answer = api.call(operation, CHANGES[operation], name=name, fields=fields)
    wanted = {(412, "precondition-failed"), (404, "no-such-domain")} if fields else {(404, "no-such-domain")}
    if operation == "rollbackDomain":
        wanted = {(404, "no-such-domain"), (404, "no-such-version")}
    assert (answer.status, answer.problem) in wanted


@pytest.mark.parametrize("match", ["", "5", '"5', "*,*", '"x"', '""', '"1" "2"', '"99999999999999999999"'])
def test_what_is_no_version_matches_none(api, made, name, match):
    answer = api.send("DELETE", f"/api/v1/domains/{name}", None, {"If-Match": match})
    assert answer.status in (400, 412, 428), answer
    assert api.ok("readDomain", name=name) == made.json


def test_one_of_several_versions_is_enough(api, made, name):
    answer = api.send("DELETE", f"/api/v1/domains/{name}", None, {"If-Match": f'"0", {made.etag}'})
    assert answer.status == 204


def test_of_many_edits_of_one_version_one_is_made(api, made, name):
    answers = []

    def edit(number):
        answers.append(api.call("changeDomain", {"origin": {"host": f"h{number}.example"}}, name=name,
                                fields={"If-Match": made.etag}))  # fmt: skip

    threads = [threading.Thread(target=edit, args=[number]) for number in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(answer.status for answer in answers) == [200] + [412] * 7
    won = next(answer for answer in answers if answer.status == 200)
    for answer in answers:
        if answer.status == 412:
            assert answer.json["changes"] == [f"origin.host: none -> {won.json['origin']['host']}"]


@pytest.mark.parametrize("operation", ["readDomain", "readOrigin", "readBackup"])
def test_what_a_client_has_is_not_told_again(api, edited, name, operation):
    read, now = edited
    for tag, status in ((now.etag, 304), ("W/" + now.etag, 304), ("*", 304), (f'"0", {now.etag}', 304), (read.etag, 200), ("", 200)):
        answer = api.call(operation, name=name, fields={"If-None-Match": tag})
        assert (answer.status, answer.etag, bool(answer.body)) == (status, now.etag, status == 200), tag


def test_no_edit_is_lost(api, made, name):
    """Clients that read, count one on, and write what they have read until nobody was faster."""
    clients, rounds = 6, 15

    def count():
        for _ in range(rounds):
            while True:
                read = api.call("readOrigin", name=name)
                origin = {**read.json, "queue_max": read.json["queue_max"] + 1}
                if api.call("replaceOrigin", origin, name=name, fields={"If-Match": read.etag}).status == 200:
                    break

    threads = [threading.Thread(target=count) for _ in range(clients)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert api.ok("readOrigin", name=name)["queue_max"] == made.json["origin"]["queue_max"] + clients * rounds
    history = api.ok("readDomainHistory", name=name, query={"limit": 1000})["items"]
    assert [version["diff"] for version in history[:-1]] == [
        [f"origin.queue_max: {number - 1} -> {number}"] for number in range(1000 + clients * rounds, 1000, -1)]  # fmt: skip


def test_changes_of_many_domains_at_once_are_each_whole(api, name):
    """Files that each give three domains the same word, and patches between them: at any moment all three agree, or one was
    patched since."""
    names = [f"{letter}-{name}" for letter in "abc"]
    body = "domains:\n" + "".join(f"- {{name: {one}, origin: {{addresses: [192.0.2.1], host: h0.example}}}}\n" for one in names)
    api.ok("apply", body)
    stop = threading.Event()
    seen = []

    def look():
        while not stop.is_set():
            items = api.ok("listDomains", query={"search": name})["items"]
            seen.append([(item["origin"]["host"], item["revision"]) for item in items])

    watcher = threading.Thread(target=look)
    watcher.start()
    for number in range(40):
        api.ok("apply", body.replace("h0", f"h{number + 1}"))
    stop.set()
    watcher.join()
    assert len(seen) > 5 and all(len(set(states)) == 1 and len(states) == 3 for states in seen)


# ---- dry runs ----


@pytest.mark.parametrize("operation", CHANGES)
def test_a_dry_run_tells_what_a_change_would_do_and_does_nothing(api, edited, name, operation):
    read, now = edited
    if operation == "startDomain":
        api.ok("stopDomain", name=name)
    body = {"revision": read.json["revision"]} if operation == "rollbackDomain" else CHANGES[operation]
    before = api.call("readDomain", name=name)
    history = api.ok("readDomainHistory", name=name)
    fields = {"If-Match": before.etag}
    dry = api.call(operation, body, name=name, query={"dry_run": "1"}, fields=fields)
    assert dry.status == 200 and dry.json["dry_run"] is True
    (change,) = dry.json["changes"]
    assert api.call("readDomain", name=name).json == before.json
    assert api.ok("readDomainHistory", name=name) == history

    done = api.call(operation, body, name=name, fields=fields)
    assert done.status in (200, 204)
    version = newest(api, name)
    assert (version["name"], version["diff"]) == (name, change["diff"]) == (change["name"], change["diff"])
    assert change["what"] == ("removed" if operation == "deleteDomain" else "changed")
    if operation != "deleteDomain":
        whole = api.ok("readDomain", name=name)
        assert control.without_revision(dry.json["domain"]) == control.without_revision(whole)


def test_a_dry_run_makes_no_domain(api, name):
    dry = api.call("createDomain", domain(name), query={"dry_run": "1"})
    assert dry.status == 200 and dry.json["changes"] == [
        {"name": name, "what": "created", "diff": [f"name: none -> {name}", "origin.addresses: none -> 192.0.2.1"]}]  # fmt: skip
    assert api.call("readDomain", name=name).status == 404


def test_a_dry_run_is_refused_as_the_change_would_be(api, made, name):
    for query in ({}, {"dry_run": "1"}):
        answer = api.call("changeDomain", {"origin": {"connect_timeout": "90s"}}, name=name, query=query)
        assert (answer.status, answer.errors) == (422, [("/origin/connect_timeout", "range")])
        assert api.call("createDomain", domain(name), query=query).status == 409


@pytest.mark.parametrize("value,is_on", [("=1", True), ("=true", True), ("", True), ("=", True), ("=0", False), ("=false", False), ("=no", None),
                                         ("=yes", None), ("=on", None), ("=TRUE", None), ("=2", None), ("=%201", None), ("=1&dry_run=1", None)])
def test_a_dry_run_is_on_or_off_and_nothing_between(api, made, name, value, is_on):
    """A word that is neither is refused before it does harm."""
    answer = api.send("PATCH", f"/api/v1/domains/{name}?dry_run{value}", {"debug": True})
    if is_on is None:
        assert (answer.status, answer.problem) == (400, "bad-request")
    else:
        assert answer.status == 200 and answer.json.get("dry_run", False) == is_on
    assert (api.ok("readDomain", name=name) == made.json) == (is_on is not False)
