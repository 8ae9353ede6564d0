"""Domains by the API: what each operation does, and what it says when it does not."""
import json
import threading

import control
import pytest
from control import MASK, api, domain, made, name, newest, plane  # noqa: F401 - some are fixtures

MIB = 1 << 20


# ---- making ----


def test_a_domain_is_made_and_read(api, name):
    answer = api.call("createDomain", domain(name, "192.0.2.1", "192.0.2.2:8080:3", status="offline"))
    assert answer.status == 201
    assert answer.fields["Location"] == f"/api/v1/domains/{name}"
    assert answer.etag == f'"{answer.json["revision"]}"' and answer.revision == answer.json["revision"]
    assert answer.json["origin"]["addresses"] == ["192.0.2.1", "192.0.2.2:8080:3"]
    assert answer.json["status"] == "offline" and answer.json["backup"] is None
    read = api.call("readDomain", name=name)
    assert (read.status, read.json, read.etag) == (200, answer.json, answer.etag)


def test_the_name_is_brought_into_its_normal_form(api):
    answer = api.call("createDomain", domain("Bücher.Example"))
    assert (answer.status, answer.json["name"]) == (201, "xn--bcher-kva.example")
    assert answer.fields["Location"] == "/api/v1/domains/xn--bcher-kva.example"


def test_a_wildcard_is_a_domain_like_others(api):
    answer = api.call("createDomain", domain("*.wild.test"))
    assert answer.status == 201
    read = api.send("GET", answer.fields["Location"])
    assert (read.status, read.json["name"]) == (200, "*.wild.test")
    for spelled in ("*.wild.test", "%2A.wild.test"):
        assert api.send("GET", f"/api/v1/domains/{spelled}").json == read.json
    assert api.call("readDomain", name="a.wild.test").problem == "no-such-domain"


def test_a_domain_that_is_there_is_not_made_again(api, made, name):
    answer = api.call("createDomain", domain(name, "192.0.2.9"))
    assert (answer.status, answer.problem) == (409, "exists")
    assert api.ok("readDomain", name=name) == made.json


def test_a_new_domain_has_no_revision_to_expect(api, name):
    answer = api.call("createDomain", domain(name, revision=5))
    assert answer.status == 422 and [place for place, _ in answer.errors] == ["/revision"]


def test_what_an_answer_says_can_be_sent_back(api, made, name):
    answer = api.call("replaceDomain", made.json, name=name, fields={"If-Match": made.etag})
    assert (answer.status, answer.json, answer.etag) == (200, made.json, made.etag)  # it changed nothing


# ---- keys of idempotency ----


def test_the_same_key_with_the_same_body_is_answered_as_before(api, name):
    first = api.call("createDomain", domain(name), fields={"Idempotency-Key": name})
    again = api.call("createDomain", domain(name), fields={"Idempotency-Key": name})
    assert (first.status, again.status) == (201, 201)
    assert (again.json, again.etag, again.fields["Location"]) == (first.json, first.etag, first.fields["Location"])
    assert len(api.ok("readDomainHistory", name=name)["items"]) == 1


def test_the_same_key_with_another_body_is_refused(api, name):
    api.call("createDomain", domain(name), fields={"Idempotency-Key": name})
    answer = api.call("createDomain", domain(name, "192.0.2.7"), fields={"Idempotency-Key": name})
    assert (answer.status, answer.problem) == (422, "idempotency-key-reused")


def test_keys_are_each_callers_own(plane, api, name):
    api.call("createDomain", domain(name), fields={"Idempotency-Key": name})
    other = plane.user("keyed", "admin")
    answer = other.call("createDomain", domain(name), fields={"Idempotency-Key": name})
    assert (answer.status, answer.problem) == (409, "exists")


def test_a_refused_request_uses_no_key(api, name):
    bad = api.call("createDomain", domain(name, "nonsense:nonsense"), fields={"Idempotency-Key": name})
    assert bad.status == 422
    assert api.call("createDomain", domain(name), fields={"Idempotency-Key": name}).status == 201


def test_a_dry_run_uses_no_key(api, name):
    assert api.call("createDomain", domain(name), query={"dry_run": "1"}, fields={"Idempotency-Key": name}).status == 200
    assert api.call("createDomain", domain(name), fields={"Idempotency-Key": name}).status == 201


@pytest.mark.parametrize("key", ["", "a b", "a" * 129, "ü", "\t"], ids=repr)
def test_what_is_no_key_is_refused(api, name, key):
    answer = api.send("POST", "/api/v1/domains", domain(name), {"Idempotency-Key": key.encode("latin-1", "replace")})
    assert (answer.status, answer.problem) == (400, "bad-request")
    assert api.call("readDomain", name=name).status == 404


def test_one_key_at_the_same_time_makes_one_domain(api, name):
    answers = []

    def make():
        answers.append(api.call("createDomain", domain(name), fields={"Idempotency-Key": name}))

    threads = [threading.Thread(target=make) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert {(answer.status, answer.etag) for answer in answers} == {(201, answers[0].etag)}
    assert len(answers) == 8


# ---- replacing and patching ----


def test_put_replaces_all_of_it(api, made, name):
    answer = api.call("replaceDomain", {"origin": {"addresses": ["192.0.2.5"]}}, name=name, fields={"If-Match": made.etag})
    assert answer.status == 200 and answer.json["revision"] > made.json["revision"]
    assert answer.json["backup"] is None and answer.json["origin"]["addresses"] == ["192.0.2.5"]
    assert answer.etag == f'"{answer.json["revision"]}"'


def test_put_makes_one_that_must_not_be_there(api, name):
    answer = api.call("replaceDomain", domain(name), name=name, fields={"If-None-Match": "*"})
    assert answer.status == 201 and answer.etag == f'"{answer.json["revision"]}"'
    again = api.call("replaceDomain", domain(name), name=name, fields={"If-None-Match": "*"})
    assert (again.status, again.problem) == (412, "precondition-failed")
    assert again.json["revision"] == answer.json["revision"]


def test_put_of_another_name_is_refused(api, made, name):
    answer = api.call("replaceDomain", domain("other-" + name), name=name, fields={"If-Match": "*"})
    assert (answer.status, answer.errors) == (422, [("/name", "name")])


@pytest.mark.parametrize("spelled", [str.upper, lambda name: name + "."], ids=["capitals", "a full stop at the end"])
def test_a_name_in_a_path_is_the_same_however_it_is_spelled(api, made, name, spelled):
    """Or there is nothing of that name: never two of one name, and no fault of ours."""
    path = f"/api/v1/domains/{spelled(name)}"
    read = api.send("GET", path)
    assert (read.status, read.json if read.status == 200 else read.problem) in ((200, made.json), (404, "no-such-domain"))
    put = api.send("PUT", path, {"origin": {"addresses": ["192.0.2.77"]}}, {"If-None-Match": "*"})
    assert put.status in (404, 412, 422), put
    assert api.ok("readDomain", name=name) == made.json


def test_patch_changes_what_it_says_and_null_takes_away(api, made, name):
    answer = api.call("changeDomain", {"origin": {"host": "www.example.net"}, "debug": True}, name=name)
    assert answer.status == 200 and answer.json["origin"]["host"] == "www.example.net" and answer.json["debug"] is True
    assert answer.json["backup"] == made.json["backup"]
    again = api.call("changeDomain", {"origin": {"host": None}, "debug": None, "backup": None}, name=name)
    assert (again.json["origin"]["host"], again.json["debug"], again.json["backup"]) == (None, False, None)


@pytest.mark.parametrize("kind", ["application/merge-patch+json", "application/json", "Application/JSON; charset=utf-8"])
def test_a_patch_has_one_of_two_media_types(api, made, name, kind):
    answer = api.call("changeDomain", {"debug": True}, name=name, fields={"Content-Type": kind})
    assert answer.status == 200 and answer.json["debug"] is True


def test_a_patch_cannot_change_the_name(api, made, name):
    for value in ("other.test", None, 5, {}, []):
        answer = api.call("changeDomain", {"name": value}, name=name)
        assert (answer.status, answer.errors) == (422, [("/name", "name")])
    assert api.call("changeDomain", {"name": name}, name=name).status == 200


def test_what_changes_nothing_makes_no_revision(api, made, name):
    before = api.call("readDomain", name=name)
    answer = api.call("changeDomain", {"origin": {"addresses": ["192.0.2.1"]}}, name=name)
    assert (answer.status, answer.json, answer.etag) == (200, before.json, before.etag)
    assert len(api.ok("readDomainHistory", name=name)["items"]) == 1


def test_start_and_stop(api, made, name):
    assert api.ok("stopDomain", name=name)["status"] == "offline"
    assert newest(api, name)["diff"] == ["status: online -> offline"]
    assert api.ok("startDomain", name=name)["status"] == "online"
    assert newest(api, name)["diff"] == ["status: offline -> online"]


def test_delete(api, made, name):
    answer = api.call("deleteDomain", name=name, fields={"If-Match": made.etag})
    assert answer.status == 204 and answer.revision > made.revision
    assert api.call("readDomain", name=name).problem == "no-such-domain"
    assert newest(api, name)["what"] == "removed"


# ---- the parts ----


def test_the_origin_is_a_part_with_the_domains_version(api, made, name):
    answer = api.call("readOrigin", name=name)
    assert (answer.status, answer.json, answer.etag) == (200, made.json["origin"], made.etag)
    put = api.call("replaceOrigin", {"addresses": ["192.0.2.8"], "policy": "hash"}, name=name, fields={"If-Match": made.etag})
    assert put.status == 200 and put.json["addresses"] == ["192.0.2.8"] and put.json["policy"] == "hash"
    whole = api.call("readDomain", name=name)
    assert (whole.json["origin"], whole.etag, whole.json["backup"]) == (put.json, put.etag, made.json["backup"])
    patch = api.call("changeOrigin", {"policy": None, "host": "a.example"}, name=name)
    assert (patch.json["policy"], patch.json["host"], patch.json["addresses"]) == ("polling", "a.example", ["192.0.2.8"])


def test_the_backup_is_added_changed_and_removed(api, name):
    api.call("createDomain", domain(name))
    for operation, body in (("readBackup", None), ("changeBackup", {"host": "a.example"})):
        assert api.call(operation, body, name=name).problem == "no-backup"
    assert api.call("deleteBackup", name=name, fields={"If-Match": "*"}).problem == "no-backup"
    added = api.call("replaceBackup", {"addresses": ["192.0.2.3"], "latch": "manual"}, name=name)
    assert added.status in (200, 201) and added.json["latch"] == "manual"
    assert newest(api, name)["diff"] == ["backup.addresses: none -> 192.0.2.3", "backup.latch: off -> manual"]
    changed = api.call("changeBackup", {"hold_down_s": 30}, name=name)
    assert (changed.status, changed.json["hold_down_s"], changed.json["latch"]) == (200, 30, "manual")
    assert api.call("replaceBackup", {"addresses": ["192.0.2.4"]}, name=name).problem == "precondition-required"
    replaced = api.call("replaceBackup", {"addresses": ["192.0.2.4"]}, name=name, fields={"If-Match": changed.etag})
    assert (replaced.status, replaced.json["latch"]) == (200, "off")
    removed = api.call("deleteBackup", name=name, fields={"If-Match": replaced.etag})
    assert removed.status == 204
    assert api.ok("readDomain", name=name)["backup"] is None


def test_remove_the_backup_and_modify_is_one_revision(api, made, name):
    answer = api.call("replaceOrigin", {"addresses": ["192.0.2.8"]}, name=name, query={"remove_backup": "1"},
                      fields={"If-Match": made.etag})  # fmt: skip
    assert answer.status == 200
    whole = api.ok("readDomain", name=name)
    assert whole["backup"] is None and whole["origin"]["addresses"] == ["192.0.2.8"]
    assert newest(api, name)["diff"] == ["origin.addresses: 192.0.2.1 -> 192.0.2.8", "backup.addresses: 192.0.2.2:8080 -> none"]
    assert len(api.ok("readDomainHistory", name=name)["items"]) == 2


# ---- listing ----


@pytest.fixture(scope="module")
def listed(make_once):
    """A plane with domains of its own: 25, of which some are offline, some have a backup."""
    plane = control.Plane(make_once)
    for number in range(25):
        fields = {"status": "offline"} if number % 5 == 0 else {}
        backup = [f"backup{number}.example.net"] if number % 3 == 0 else ()
        plane.admin.ok("createDomain", domain(f"site{number:02}.list.test", f"192.0.2.{number + 1}", backup=backup, **fields))
    return plane


def names(answer):
    return [int(item["name"][4:6]) for item in answer["items"]]


def test_a_list_has_all_in_the_order_of_names(listed):
    answer = listed.viewer.ok("listDomains")
    assert names(answer) == list(range(25)) and answer["total"] == 25 and "next" not in answer
    assert answer["items"][3] == listed.viewer.ok("readDomain", name="site03.list.test")
    assert answer["revision"] == listed.viewer.ok("status")["revision"] == 25


FILTERS = [
    ({"status": "offline"}, [0, 5, 10, 15, 20]),
    ({"status": "online", "backup": "no"}, [n for n in range(25) if n % 5 and n % 3]),
    ({"backup": "yes"}, list(range(0, 25, 3))),
    ({"backup": "yes", "status": "offline"}, [0, 15]),
    ({"type": "self"}, list(range(25))),
    ({"type": "cos"}, []),
    ({"type": "s3"}, []),
    ({"search": "site1"}, list(range(10, 20))),
    ({"search": "SITE1"}, list(range(10, 20))),
    ({"search": "backup12"}, [12]),
    ({"search": "192.0.2.25"}, [24]),
    ({"search": "list.test", "status": "offline", "backup": "yes"}, [0, 15]),
    ({"search": "nothing of that"}, []),
    ({"search": ""}, list(range(25))),
    ({"search": "%"}, []),
    ({"search": "site2", "after": "site21.list.test"}, [22, 23, 24]),
    ({"after": "site24.list.test"}, []),
    ({"after": "a"}, list(range(25))),
]


@pytest.mark.parametrize("query,wanted", FILTERS, ids=str)
def test_a_list_of_some(listed, query, wanted):
    answer = listed.viewer.ok("listDomains", query=query)
    assert names(answer) == wanted
    total = listed.viewer.ok("listDomains", query={key: value for key, value in query.items() if key != "after"})
    assert answer["total"] == total["total"]


@pytest.mark.parametrize("limit", [1, 2, 7, 24, 25, 26, 1000])
@pytest.mark.parametrize("query", [{}, {"backup": "yes"}], ids=str)
def test_pages_have_all_once(listed, limit, query):
    seen, after, pages = [], {}, 0
    while True:
        answer = listed.viewer.ok("listDomains", query={**query, **after, "limit": limit})
        seen += names(answer)
        pages += 1
        assert len(answer["items"]) <= limit
        if "next" not in answer:
            break
        after = {"after": answer["next"]}
    wanted = names(listed.viewer.ok("listDomains", query=query))
    assert seen == wanted and pages == -(-len(wanted) // limit)


@pytest.mark.parametrize("limit", [1, 7, 25, 26])
@pytest.mark.parametrize("order", ["name", "name_desc", "newest", "oldest"])
def test_pages_of_an_order_have_all_once(listed, order, limit):
    # They were made in the order of their names.
    wanted = list(range(25)) if order in ("name", "oldest") else list(range(24, -1, -1))
    seen = []
    for skip in range(0, 25, limit):
        answer = listed.viewer.ok("listDomains", query={"order": order, "limit": limit, "skip": skip})
        seen += names(answer)
        assert answer["total"] == 25 and ("next" in answer) == (order == "name" and skip + limit < 25)
    assert seen == wanted
    assert listed.viewer.ok("listDomains", query={"order": order, "skip": 25})["items"] == []


def test_what_was_changed_last_is_newest(make):
    plane = control.Plane(make)
    for name in ("a.test", "b.test", "c.test"):
        plane.admin.ok("createDomain", domain(name))
    plane.admin.ok("changeDomain", {"debug": True}, name="b.test")
    order = {order: [item["name"] for item in plane.viewer.ok("listDomains", query={"order": order})["items"]] for order in ("newest", "oldest")}
    assert order == {"newest": ["b.test", "c.test", "a.test"], "oldest": ["a.test", "c.test", "b.test"]}


@pytest.mark.parametrize("query", [
    "limit=0", "limit=1001", "limit=-1", "limit=x", "limit=", "limit=1.5", "limit=99999999999999999999", "status=on", "status=",
    "type=other", "backup=maybe", "backup=1", "order=other", "order=", "skip=-1", "skip=x", "order=newest&after=a", "limit=1&limit=2", "search=%", "search=%zz", "search=a%00b", "search=a%0ab",
    "x", "=", "dry_run=1"])  # fmt: skip
def test_a_query_that_makes_no_sense_is_refused(listed, query):
    answer = listed.viewer.send("GET", f"/api/v1/domains?{query}")
    assert (answer.status, answer.problem) == (400, "bad-request")


# ---- what is wrong with a body ----

WRONG = {
    "an unknown field": ({"orgin": {}}, [("/orgin", "unknown-field")]),
    "an unknown field below": ({"origin": {"addreses": ["192.0.2.1"]}}, [("/origin/addreses", "unknown-field")]),
    "an unknown field that looks like a pointer": ({"a/b~c": 1}, [("/a~1b~0c", "unknown-field")]),
    "an unknown field that is null": ({"bakcup": None}, [("/bakcup", "unknown-field")]),
    "an unknown field below that is null": ({"origin": {"hots": None}}, [("/origin/hots", "unknown-field")]),
    "a path for a key": ({"origin.host": "a.example"}, [("/origin.host", "unknown-field")]),
    "a path for a key below": ({"origin": {"tls.verify": False}}, [("/origin/tls.verify", "unknown-field")]),
    "an empty key": ({"": 1}, [("/", "unknown-field")]),
    "a text for a number": ({"failover": {"attempts": "3"}}, [("/failover/attempts", "type")]),
    "a number for a text": ({"origin": {"host": 5}}, [("/origin/host", "type")]),
    "a number for a duration": ({"origin": {"connect_timeout": 5}}, [("/origin/connect_timeout", "type")]),
    "a word for a bool": ({"debug": "on"}, [("/debug", "type")]),
    "a number for a bool": ({"debug": 1}, [("/debug", "type")]),
    "a bool for a word": ({"cache": {"mode": True}}, [("/cache/mode", "type")]),
    "a text for an object": ({"origin": "192.0.2.1"}, [("/origin", "type")]),
    "a list for an object": ({"origin": []}, [("/origin", "type")]),
    "an object for a text": ({"status": {}}, [("/status", "type")]),
    "a text for a list": ({"origin": {"addresses": "192.0.2.1"}}, [("/origin/addresses", "type")]),
    "an object for a list": ({"origin": {"addresses": {}}}, [("/origin/addresses", "type")]),
    "a number in a list of texts": ({"origin": {"addresses": ["192.0.2.1", 5]}}, [("/origin/addresses/1", "type")]),
    "null in a list": ({"origin": {"addresses": [None]}}, [("/origin/addresses/0", "type")]),
    "a port that is none": ({"origin": {"addresses": ["192.0.2.1:99999"]}}, [("/origin/addresses/0", "range")]),
    "a weight that is none": ({"origin": {"addresses": ["192.0.2.1", "192.0.2.1::101"]}}, [("/origin/addresses/1", "range")]),
    "no address": ({"origin": {"addresses": []}}, [("/origin/addresses", "missing")]),
    "too many addresses": ({"origin": {"addresses": ["192.0.2.1"] * 33}}, [("/origin/addresses", "range")]),
    "an unknown word": ({"origin": {"policy": "random"}}, [("/origin/policy", "value")]),
    "a duration without sense": ({"origin": {"head_timeout": "soon"}}, [("/origin/head_timeout", "value")]),
    "a duration out of range": ({"origin": {"head_timeout": "301s"}}, [("/origin/head_timeout", "range")]),
    "a number out of range": ({"failover": {"attempts": 11}}, [("/failover/attempts", "range")]),
    "a negative number": ({"failover": {"attempts": -1}}, [("/failover/attempts", "value")]),
    "half a number": ({"failover": {"attempts": 1.5}}, [("/failover/attempts", "value")]),
    "a size out of range": ({"fill": {"ahead": "2g"}}, [("/fill/ahead", "range")]),
    "a status that is none": ({"failover": {"statuses": [99]}}, [("/failover/statuses/0", "range")]),
    "a probe without a path": ({"origin": {"probe": {"rise": 5}}}, [("/origin/probe", "missing")]),
    "a probe's path that is none": ({"origin": {"probe": {"path": "health"}}}, [("/origin/probe/path", "value")]),
    "control bytes in a text": ({"origin": {"probe": {"path": "/", "body_contains": "a\x07b"}}}, [("/origin/probe/body_contains", "value")]),
    "parameters without chosen": ({"cache": {"query_parameters": ["a"]}}, [("/cache/query_parameters", "value")]),
    "chosen without parameters": ({"cache": {"query": "chosen"}}, [("/cache/query", "missing")]),
    "two things at once": ({"debug": "x", "origin": {"host": 5}, "nothing": 1},
                           [("/debug", "type"), ("/origin/host", "type"), ("/nothing", "unknown-field")]),
}  # fmt: skip


@pytest.mark.parametrize("row", WRONG)
def test_a_wrong_field_is_named_with_its_rule(api, made, name, row):
    patch, wanted = WRONG[row]
    answer = api.call("changeDomain", patch, name=name)
    assert (answer.status, answer.problem) == (422, "invalid")
    assert sorted(answer.errors) == sorted(wanted), answer
    whole = {**domain(name + "2", "192.0.2.1"), **patch}
    if "origin" in patch and isinstance(patch["origin"], dict):
        whole["origin"] = {"addresses": ["192.0.2.1"], **patch["origin"]}
    created = api.call("createDomain", whole)
    assert created.status == 422 and sorted(created.errors) == sorted(wanted)
    assert api.ok("readDomain", name=name) == made.json


@pytest.mark.parametrize("row", [row for row, (patch, _) in WRONG.items() if set(patch) == {"origin"} and isinstance(patch["origin"], dict)])
@pytest.mark.parametrize("part", ["Origin", "Backup"])
def test_places_are_those_of_the_request(api, made, name, row, part):
    """Not those of the domain that the part is of."""
    patch, wanted = WRONG[row]
    wanted = sorted((place.removeprefix("/origin"), rule) for place, rule in wanted)
    changed = api.call(f"change{part}", patch["origin"], name=name)
    assert changed.status == 422 and sorted(changed.errors) == wanted, changed
    whole = {"addresses": ["192.0.2.1"], **patch["origin"]}
    replaced = api.call(f"replace{part}", whole, name=name, fields={"If-Match": "*"})
    assert replaced.status == 422 and sorted(replaced.errors) == wanted


def test_a_loop_is_found(api, made, name):
    answer = api.call("changeOrigin", {"addresses": ["192.0.2.1", name + ":8080"]}, name=name)
    assert (answer.status, answer.errors) == (422, [("/addresses/1", "loop")])


def test_a_hundred_problems_are_told_at_most(api, name):
    answer = api.call("createDomain", domain(name, **{f"x{number}": 1 for number in range(150)}))
    assert answer.status == 422 and len(answer.errors) == 100


NO_JSON = {
    "nothing": b"",
    "half an object": b'{"name": "a.test"',
    "a comma too many": b'{"name": "a.test",}',
    "a key twice": b'{"name": "a.test", "name": "a.test"}',
    "what follows": b'{"name": "a.test"} {}',
    "no UTF-8": b'{"name": "\xff.test"}',
    "a surrogate alone": b'{"name": "\\ud800.test"}',
    "a NUL": b'{"name": "a\\u0000.test"}',
    "a NUL byte": b'{"name": "a.test"}\0',
    "a comment": b'{"name": "a.test"} // x',
    "YAML": b"name: a.test\norigin: {addresses: [192.0.2.1]}\n",
    "a huge number": b'{"failover": {"attempts": 1e999}}',
    "a number too long": b'{"failover": {"attempts": ' + b"9" * 400 + b"}}",
    "NaN": b'{"failover": {"attempts": NaN}}',
    "many brackets": b"[" * 100000,
    "many braces": b'{"a":' * 100000,
    "17 levels": b'{"a":' * 17 + b"1" + b"}" * 17,
    "too many keys": json.dumps({f"k{number}": 1 for number in range(300)}).encode(),
    "a key too long": json.dumps({"k" * 300: 1}).encode(),
    "a BOM": b'\xef\xbb\xbf{"name": "a.test"}',
}


@pytest.mark.parametrize("row", NO_JSON)
def test_what_is_no_json_is_refused(api, row):
    answer = api.call("createDomain", NO_JSON[row])
    assert (answer.status, answer.problem) == (400, "malformed-json")


@pytest.mark.parametrize("body", [b"null", b"5", b'"a.test"', b"[]", b"true"], ids=repr)
def test_what_is_no_object_is_refused(api, made, name, body):
    for operation, fields in (("createDomain", {}), ("changeDomain", {}), ("replaceDomain", {"If-Match": "*"}),
                              ("replaceOrigin", {"If-Match": "*"}), ("changeOrigin", {}), ("replaceBackup", {"If-Match": "*"}),
                              ("changeBackup", {}), ("weighAddress", {}), ("rollbackDomain", {})):  # fmt: skip
        names = {} if operation == "createDomain" else {"name": name}
        answer = api.call(operation, body, fields=fields, **names)
        assert (answer.status, answer.errors) == (422, [("", "type")]), operation
    assert api.ok("readDomain", name=name) == made.json


def padded(size):
    body = json.dumps({"debug": True})
    return (body + " " * (size - len(body))).encode()


def test_a_body_may_have_a_mebibyte(api, made, name):
    assert api.call("changeDomain", padded(MIB), name=name).status == 200
    answer = api.call("changeDomain", padded(MIB + 1), name=name)
    assert (answer.status, answer.problem) == (413, "body-too-large")


def test_a_form_may_have_four_kibibytes(api, made, name):
    body = json.dumps({"role": "origin", "address": "192.0.2.1", "weight": 2})
    assert api.call("weighAddress", (body + " " * (4096 - len(body))).encode(), name=name).status == 200
    assert api.call("weighAddress", (body + " " * (4097 - len(body))).encode(), name=name).status == 413


def test_what_takes_no_body_refuses_one(api, made, name):
    assert api.call("stopDomain", b" ", name=name).problem == "body-too-large"
    assert api.ok("readDomain", name=name)["status"] == "online"


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/yaml", "application/x-www-form-urlencoded", "multipart/form-data",
                                  "application/jsonx", "text/json", "application/merge-patch+json"])  # fmt: skip
def test_another_media_type_is_refused(api, made, name, kind):
    body = json.dumps({"role": "origin", "address": "192.0.2.1", "weight": 2}).encode()
    answer = api.send("POST", f"/api/v1/domains/{name}/weight", body, {"Content-Type": kind} if kind != "" else {"Content-Type": ""})
    if kind is None:  # our client says it for us unless it is told not to
        assert answer.status in (200, 415)
    else:
        assert (answer.status, answer.problem) == (415, "unsupported-media-type")


# ---- secrets ----

BUCKET = {"type": "cos", "bucket": {"bucket": "pictures-1250000000", "region": "ap-guangzhou", "access": "private",
                                    "key_id": "AKIDexample", "secret": "the-first-secret", "token": "the-first-token"}}  # fmt: skip
SECRETS = ("the-first-secret", "the-first-token", "the-second-secret")


def test_a_mask_that_stands_for_nothing_is_refused(api, name):
    origin = {**BUCKET, "bucket": {**BUCKET["bucket"], "secret": MASK}}
    answer = api.call("createDomain", {"name": name, "origin": origin})
    assert (answer.status, answer.errors) == (422, [("/origin/bucket/secret", "masked")])


def is_secret_shown(answer):
    return any(secret.encode() in answer.body for secret in SECRETS)


def test_secrets_are_masked_in_every_answer_also_in_refusals(api, name):
    """Also in those that say why the body that has them is refused."""
    body = {"name": name, "origin": {**BUCKET, "host": 5, "nothing": "x"}}
    for query in ({}, {"dry_run": "1"}):
        assert not is_secret_shown(api.call("createDomain", body, query=query))
    long = {"name": name, "origin": {**BUCKET, "bucket": {**BUCKET["bucket"], "secret": "the-first-secret" * 100}}}
    answer = api.call("createDomain", long)
    assert answer.status == 422 and not is_secret_shown(answer)
    created = api.call("createDomain", {"name": name, "origin": BUCKET})
    assert created.status == 201 and not is_secret_shown(created)
    for answer in (
            api.call("readDomain", name=name), api.call("readOrigin", name=name), api.call("listDomains", query={"search": name}),
            api.call("readDomainHistory", name=name), api.call("export"),
            api.call("changeOrigin", {"bucket": {"secret": "the-second-secret"}}, name=name),
            api.call("readDomainHistory", name=name)):  # fmt: skip
        assert answer.status == 200 and not is_secret_shown(answer)
    assert MASK.encode() in api.call("readOrigin", name=name).body


# ---- what goes to the edge, and where it is from ----


def test_a_drained_address_keeps_its_place(api, name):
    api.call("createDomain", domain(name, "192.0.2.1:8080", "192.0.2.2:8080:5", backup=["backup.example.net"]))
    weighed = api.ok("weighAddress", {"role": "origin", "address": "192.0.2.2:8080", "weight": 0}, name=name)
    assert weighed["origin"]["addresses"] == ["192.0.2.1:8080", "192.0.2.2:8080:0"]
    assert newest(api, name)["diff"] == ["origin.addresses: 192.0.2.1:8080, 192.0.2.2:8080:5 -> 192.0.2.1:8080, 192.0.2.2:8080:0"]
    weighed = api.ok("weighAddress", {"role": "backup", "address": "Backup.Example.net", "weight": 7}, name=name)
    assert weighed["backup"]["addresses"] == ["backup.example.net::7"]


@pytest.mark.parametrize("body,place", [
    ({"role": "origin", "address": "192.0.2.77", "weight": 0}, "/address"),
    ({"role": "origin", "address": "192.0.2.1:81", "weight": 0}, "/address"),
    ({"role": "origin", "address": "", "weight": 0}, "/address"),
    ({"role": "origin", "address": "192.0.2.1:x", "weight": 0}, "/address"),
    ({"role": "origin", "address": "192.0.2.1", "weight": 101}, "/weight"),
    ({"role": "origin", "address": "192.0.2.1", "weight": -1}, "/weight"),
    ({"role": "origin", "address": "192.0.2.1", "weight": "0"}, "/weight"),
    ({"role": "master", "address": "192.0.2.1", "weight": 0}, "/role"),
    ({"role": "origin", "address": "192.0.2.1"}, "/weight"),
    ({"role": "origin", "weight": 1}, "/address"),
    ({"address": "192.0.2.1", "weight": 1}, "/role"),
    ({"role": "origin", "address": "192.0.2.1", "weight": 1, "port": 80}, "/port"),
], ids=str)  # fmt: skip
def test_a_weight_that_makes_no_sense_is_refused(api, made, name, body, place):
    answer = api.call("weighAddress", body, name=name)
    assert answer.status == 422 and [where for where, _ in answer.errors] == [place], answer
    assert api.ok("readDomain", name=name) == made.json


def test_an_operator_may_drain_and_switch_but_not_edit(plane, made, name):
    assert plane.operator.call("weighAddress", {"role": "origin", "address": "192.0.2.1", "weight": 3}, name=name).status == 200
    assert plane.operator.call("switchDomain", name=name).status == 200
    assert plane.operator.call("changeDomain", {"debug": True}, name=name).problem == "forbidden"
