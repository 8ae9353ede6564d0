"""What was changed, by whom and how; and back to a version from before."""
import time

import control
import pytest
from control import api, domain, made, name, newest, plane  # noqa: F401 - some are fixtures


def history(api, name, **query):
    return api.ok("readDomainHistory", name=name, query=query)["items"]


# ---- what is kept ----

STEPS = [
    ("createDomain", lambda name: domain(name, "192.0.2.1"), "domain.create", "created",
     lambda name: [f"name: none -> {name}", "origin.addresses: none -> 192.0.2.1"]),
    ("changeDomain", {"debug": True, "cache": {"ttl_default": "10s"}}, "domain.change", "changed",
     ["debug: off -> on", "cache.ttl_default: 0s -> 10s"]),
    ("replaceBackup", {"addresses": ["192.0.2.2"]}, "backup.set", "changed", ["backup.addresses: none -> 192.0.2.2"]),
    ("changeBackup", {"latch": "manual"}, "backup.change", "changed", ["backup.latch: off -> manual"]),
    ("switchDomain", None, "domain.switch", "changed",
     ["origin.addresses: 192.0.2.1 -> 192.0.2.2", "backup.addresses: 192.0.2.2 -> 192.0.2.1"]),
    ("changeOrigin", {"host": "www.example.net"}, "origin.change", "changed", ["origin.host: none -> www.example.net"]),
    ("weighAddress", {"role": "backup", "address": "192.0.2.1", "weight": 0}, "address.weight", "changed",
     ["backup.addresses: 192.0.2.1 -> 192.0.2.1::0"]),
    ("stopDomain", None, "domain.stop", "changed", ["status: online -> offline"]),
    ("startDomain", None, "domain.start", "changed", ["status: offline -> online"]),
    ("deleteBackup", None, "backup.remove", "changed",
     ["backup.addresses: 192.0.2.1::0 -> none", "backup.latch: manual -> off"]),
    ("replaceOrigin", {"addresses": ["192.0.2.9"]}, "origin.modify", "changed",
     ["origin.addresses: 192.0.2.2 -> 192.0.2.9", "origin.host: www.example.net -> none"]),
    ("replaceDomain", {"origin": {"addresses": ["192.0.2.9"]}}, "domain.replace", "changed",
     ["debug: on -> off", "cache.ttl_default: 10s -> 0s"]),
    ("deleteDomain", None, "domain.delete", "removed",
     lambda name: [f"name: {name} -> none", "origin.addresses: 192.0.2.9 -> none"]),
]  # fmt: skip


def test_every_change_is_kept_with_its_author_and_its_differences(plane, name):
    since = time.time() * 1000 - 1000
    sessions = [plane.user("history-" + role, role) for role in ("admin", "operator")]
    revisions = []
    for operation, body, action, what, diff in STEPS:
        body = body(name) if callable(body) else body
        who = sessions[1] if operation in ("switchDomain", "weighAddress") else sessions[0]
        names = {} if operation == "createDomain" else {"name": name}
        answer = who.call(operation, body, fields={"If-Match": "*"} if names else {}, **names)
        assert answer.status < 300, (operation, answer)
        revisions.append(answer.revision)
        version = newest(plane.viewer, name)
        assert (version["action"], version["what"]) == (action, what)
        # A removed one's differences begin with what it was; lines may be more than these for it.
        assert version["diff"] == (diff(name) if callable(diff) else diff), operation
        assert version["who"] == ("history-operator" if who is sessions[1] else "history-admin")
        assert since < version["at_ms"] <= time.time() * 1000 + 1000
    assert revisions == sorted(set(revisions))
    versions = history(plane.viewer, name)
    assert [version["revision"] for version in versions] == revisions[::-1]
    assert {version["name"] for version in versions} == {name}


def test_what_a_token_does_is_its_accounts_with_its_label(plane, name):
    plane.admin.ok("createDomain", domain(name))
    assert newest(plane.viewer, name)["who"] == "admin/test-admin"


def test_what_was_refused_is_not_in_it(api, made, name):
    for body in ({"debug": "x"}, {"origin": {"protocol": "https"}}, {"revision": 1}):
        assert api.call("changeDomain", body, name=name).status in (412, 422)
    assert api.call("changeDomain", {"debug": True}, name=name, query={"dry_run": "1"}).status == 200
    assert len(history(api, name)) == 1


def test_of_a_name_that_never_was_there_is_no_history(api):
    answer = api.call("readDomainHistory", name="never.test")
    assert answer.problem == "no-such-domain" or answer.json["items"] == []


def test_the_history_of_all_is_the_newest_first(make):
    plane = control.Plane(make)
    api = plane.admin
    for letter in "abc":
        api.ok("createDomain", domain(f"{letter}.test"))
    api.ok("deleteDomain", name="a.test", fields={"If-Match": "*"})
    items = plane.viewer.ok("readHistory")["items"]
    assert [(item["name"], item["what"]) for item in items] == [
        ("a.test", "removed"), ("c.test", "created"), ("b.test", "created"), ("a.test", "created")]  # fmt: skip
    assert history(plane.viewer, "a.test") == [items[0], items[3]]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 1000])
def test_pages_have_all_versions_once(api, name, limit):
    api.ok("createDomain", domain(name))
    for number in range(6):
        api.ok("changeDomain", {"origin": {"host": f"h{number}.example"}}, name=name)
    wanted = history(api, name)
    seen, query = [], {"limit": limit}
    while True:
        answer = api.ok("readDomainHistory", name=name, query=query)
        assert len(answer["items"]) <= limit
        seen += answer["items"]
        if "next" not in answer:
            break
        query["before"] = answer["next"]
    assert seen == wanted and len(wanted) == 7


def test_a_revision_of_many_domains_is_on_one_page(make):
    plane = control.Plane(make)
    body = "domains:\n" + "".join(f"- {{name: m{number:03}.test, origin: {{addresses: [192.0.2.1]}}}}\n" for number in range(50))
    plane.admin.ok("apply", body)
    plane.admin.ok("changeDomain", {"debug": True}, name="m007.test")
    seen, query = [], {"limit": 7}
    for _ in range(60):
        answer = plane.viewer.ok("readHistory", query=query)
        seen += [(item["revision"], item["name"]) for item in answer["items"]]
        if "next" not in answer:
            break
        query["before"] = answer["next"]
    assert seen == [(2, "m007.test"), *((1, f"m{number:03}.test") for number in range(50))]
    assert {item["action"] for item in plane.viewer.ok("readHistory", query={"before": 2})["items"]} == {"apply"}


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "before=-1", "before=x", "before=99999999999999999999", "name=a",
                                   "before=1&before=2"])  # fmt: skip
def test_a_query_that_makes_no_sense_is_refused(api, query):
    for path in ("/api/v1/history", "/api/v1/domains/a.test/history"):
        answer = api.send("GET", f"{path}?{query}")
        assert (answer.status, answer.problem) == (400, "bad-request")


# ---- back ----


def test_a_version_comes_back_as_a_new_one(api, made, name):
    api.ok("changeDomain", {"debug": True, "origin": {"addresses": ["192.0.2.5"]}, "backup": None}, name=name)
    changed = api.call("readDomain", name=name)
    answer = api.call("rollbackDomain", {"revision": made.json["revision"]}, name=name, fields={"If-Match": changed.etag})
    assert answer.status == 200 and answer.json["revision"] > changed.json["revision"]
    assert control.without_revision(answer.json) == control.without_revision(made.json)
    version = newest(api, name)
    assert (version["action"], version["diff"]) == ("domain.rollback", [
        "debug: on -> off", "origin.addresses: 192.0.2.5 -> 192.0.2.1", "backup.addresses: none -> 192.0.2.2:8080"])  # fmt: skip
    # And away again.
    again = api.ok("rollbackDomain", {"revision": changed.json["revision"]}, name=name)
    assert control.without_revision(again) == control.without_revision(changed.json)


def test_a_domain_that_was_removed_comes_back(api, made, name):
    api.ok("deleteDomain", name=name, fields={"If-Match": "*"})
    dry = api.call("rollbackDomain", {"revision": made.json["revision"]}, name=name, query={"dry_run": "1"})
    assert [change["what"] for change in dry.json["changes"]] == ["created"]
    answer = api.call("rollbackDomain", {"revision": made.json["revision"]}, name=name)
    assert answer.status in (200, 201)
    assert control.without_revision(answer.json) == control.without_revision(made.json)
    assert newest(api, name)["what"] == "created"


def test_back_to_what_is_there_changes_nothing(api, made, name):
    answer = api.call("rollbackDomain", {"revision": made.json["revision"]}, name=name)
    assert (answer.status, answer.json) == (200, made.json)
    assert len(history(api, name)) == 1


def test_a_version_that_was_not_there_is_told(api, made, name):
    api.ok("changeDomain", {"debug": True}, name=name)
    gone = api.call("deleteDomain", name=name, fields={"If-Match": "*"})
    for revision in (made.json["revision"] - 1, 10**12, gone.revision):
        answer = api.call("rollbackDomain", {"revision": revision}, name=name)
        assert (answer.status, answer.problem) == (404, "no-such-version"), revision
    assert api.call("rollbackDomain", {"revision": made.json["revision"]}, name="never.test").status == 404


@pytest.mark.parametrize("body,place", [({}, "/revision"), ({"revision": "1"}, "/revision"), ({"revision": -1}, "/revision"),
                                        ({"revision": 1.5}, "/revision"), ({"revision": None}, "/revision"),
                                        ({"revision": 1, "name": "x"}, "/name")], ids=str)  # fmt: skip
def test_a_rollback_that_makes_no_sense_is_refused(api, made, name, body, place):
    answer = api.call("rollbackDomain", body, name=name)
    assert answer.status == 422 and [where for where, _ in answer.errors] == [place]


def test_the_history_outlives_the_process(make):
    plane = control.Plane(make)
    plane.admin.ok("createDomain", domain("kept.test"))
    plane.admin.ok("changeDomain", {"debug": True}, name="kept.test")
    before = plane.viewer.ok("readHistory")
    whole = plane.viewer.call("readDomain", name="kept.test")
    plane.program.stop()
    again = control.Plane(make, signs_in=False, state=plane.state)
    again.wait_open()
    viewer = control.Api(again.address, plane.viewer.fields)
    assert viewer.ok("readHistory") == before
    after = viewer.call("readDomain", name="kept.test")
    assert (after.json, after.etag) == (whole.json, whole.etag)


@pytest.mark.soak
def test_a_thousand_versions_are_kept(api, name):
    """LIMIT_STORE_VERSIONS: the oldest go first, and what is there says where it ends."""
    first = api.call("createDomain", domain(name))
    for number in range(1010):
        answer = api.call("changeDomain", {"origin": {"host": f"h{number}.example"}}, name=name, judged=False)
        assert answer.status == 200
    items = history(api, name, limit=1000)
    assert len(items) == 1000 and items[0]["diff"] == ["origin.host: h1008.example -> h1009.example"]
    assert api.call("rollbackDomain", {"revision": first.json["revision"]}, name=name).problem == "no-such-version"
    # Whoever still edits the first version is told that it is another one, if not how it differs.
    late = api.call("changeDomain", {"debug": True}, name=name, fields={"If-Match": first.etag})
    assert late.status == 412 and "changes" not in late.json
