"""Whole files of domains by the API: applied and exported; and domains that a file manages, which the API does not change."""
import json

import control
import pytest
from control import api, domain, plane  # noqa: F401 - fixtures
from test_api_changes import CHANGES


def file_of(*domains):
    return json.dumps({"domains": list(domains)})


@pytest.fixture
def own(make):
    """A plane of the test's own, whose domains nobody else changes."""
    plane = control.Plane(make)
    for letter in "abc":
        plane.admin.ok("createDomain", domain(f"{letter}.test", "192.0.2.1", backup=["192.0.2.2"]))
    return plane


def test_a_file_is_applied_whole(own):
    api = own.admin
    before = api.ok("status")["revision"]
    body = file_of(domain("a.test", "192.0.2.9"), domain("b.test", "192.0.2.1", backup=["192.0.2.2"]), domain("new.test"))
    dry = api.call("apply", body, query={"dry_run": "1"})
    assert dry.status == 200 and api.ok("status")["revision"] == before
    done = api.call("apply", body)
    assert done.status == 200 and done.json["revision"] == before + 1 == done.revision
    assert done.json["changes"] == dry.json["changes"] == [
        {"name": "a.test", "what": "changed",
         "diff": ["origin.addresses: 192.0.2.1 -> 192.0.2.9", "backup.addresses: 192.0.2.2 -> none"]},
        {"name": "new.test", "what": "created", "diff": ["name: none -> new.test", "origin.addresses: none -> 192.0.2.1"]},
    ]  # fmt: skip
    assert [item["name"] for item in api.ok("listDomains")["items"]] == ["a.test", "b.test", "c.test", "new.test"]
    assert api.ok("readDomain", name="a.test")["revision"] == before + 1
    assert api.ok("apply", body) == {"dry_run": False, "revision": before + 1, "changes": []}


def test_what_a_file_does_not_have_goes_only_with_prune(own):
    api = own.admin
    body = file_of(domain("b.test", "192.0.2.1", backup=["192.0.2.2"]))
    assert api.ok("apply", body)["changes"] == []
    dry = api.call("apply", body, query={"dry_run": "1", "prune": "1"})
    done = api.call("apply", body, query={"prune": "1"})
    assert [(change["name"], change["what"]) for change in done.json["changes"]] == [("a.test", "removed"), ("c.test", "removed")]
    assert dry.json["changes"] == done.json["changes"]
    assert [item["name"] for item in api.ok("listDomains")["items"]] == ["b.test"]


def test_a_file_with_one_fault_changes_nothing(own):
    api = own.admin
    before = api.ok("listDomains")
    body = file_of(domain("a.test", "192.0.2.9"), domain("new.test"), domain("b.test", "192.0.2.1:99999"))
    answer = api.call("apply", body)
    assert (answer.status, answer.errors) == (422, [("/domains/2/origin/addresses/0", "range")])
    assert api.ok("listDomains") == before


def test_a_file_for_another_revision_changes_nothing(own):
    api = own.admin
    revision = api.ok("status")["revision"]
    body = file_of(domain("a.test", "192.0.2.9"))
    for match, status in ((f'"store-{revision - 1}"', 412), (f'"{revision}"', 412), (f'"store-{revision}"', 200)):
        answer = api.send("POST", "/api/v1/apply", body, {"Content-Type": "application/yaml", "If-Match": match})
        assert answer.status == status, (match, answer)


@pytest.mark.parametrize("body", [b"", b"[]", b"domains: 5", b"domain: []", b"domains: [{name: a.test}]", b"domains: [", b"\xff", b"a: &x 1\nb: *x",
                                  b"domains: []\n---\ndomains: []\n", b"\tdomains: []", b"domains: [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]"],
                         ids=repr)  # fmt: skip
def test_what_is_no_file_of_domains_is_refused(api, body):
    answer = api.call("apply", body)
    assert answer.status in (400, 422), answer


def test_what_is_exported_can_be_applied(own):
    api = own.admin
    api.ok("changeDomain", {"origin": {"probe": {"path": "/x", "body_contains": "yes: \"ü\" # 1"}}}, name="a.test")
    export = own.viewer.call("export")
    assert export.status == 200
    assert api.ok("apply", export.body, query={"prune": "1"})["changes"] == []
    for letter in "abc":
        api.ok("changeDomain", {"debug": True}, name=f"{letter}.test")
    changes = api.ok("apply", export.body)["changes"]
    assert [(change["name"], change["diff"]) for change in changes] == [(f"{x}.test", ["debug: on -> off"]) for x in "abc"]
    assert own.viewer.call("export").body == export.body


def test_a_file_of_many_domains(own):
    body = file_of(*(domain(f"many{number}.test", f"192.0.2.{number % 250 + 1}") for number in range(2000)))
    answer = own.admin.call("apply", body)
    assert answer.status == 200 and len(answer.json["changes"]) == 2000
    assert own.admin.ok("listDomains", query={"limit": 1, "search": "many"})["total"] == 2000


def test_domains_of_a_file_cannot_be_changed(make):
    plane = control.Plane(make, "serve", domains=[domain("f.test", "127.0.0.1:9", backup=["127.0.0.1:9"])])
    path = str(plane.program.domains_path)
    assert plane.viewer.ok("status")["managed_by"] == path
    assert [item["name"] for item in plane.viewer.ok("listDomains")["items"]] == ["f.test"]
    for operation, body in {**CHANGES, "createDomain": domain("g.test"), "apply": file_of()}.items():
        names = {} if operation in ("createDomain", "apply") else {"name": "f.test"}
        for query in ({}, {"dry_run": "1"}):
            answer = plane.admin.call(operation, body, query=query, fields={"If-Match": "*"} if names else {}, **names)
            assert (answer.status, answer.problem) == (409, "managed-by-file"), operation
            assert path in answer.json["detail"]
