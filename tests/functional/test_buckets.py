"""Buckets as origins: a real S3 store and a COS that believes only the official SDK's signatures."""
import concurrent.futures
import dataclasses
import json
import random
import re
import threading
import time

import pytest
from cos_store import CosStore, Signer
from domains import SHORT, domain, origin_of
from origin import Reply
from s3_store import Swift

KEYS = {
    "plain": "dir/a.txt",
    "spaces, UTF-8 and a plus": "目录/文件 1+2(3).txt",
    "marks": "a!b'c*d~e;f=g&h@i,j$k.txt",
    "percent signs": "100%25 or 100%.txt",
    "two slashes": "a//b.txt",
    "dots in a name": "a/..b/c...txt",
    "a question mark and a hash": "what?#now.txt",
}


def bucket(kind, **fields):
    """An origin that is a bucket; fields of the origin go as they are."""
    made = {"access": "private", "key_id": "AKIDtest", "secret": "secret"}
    own = {name: fields.pop(name) for name in list(fields) if name in ("addresses", "keepalive", "probe")}
    return {"type": kind, "bucket": {**made, **fields}, **SHORT, **own}


def at_swift(store, **fields):
    return bucket("s3", **{"endpoint": store.address, "bucket": "pictures", "style": "path", "region": "us-east-1",
                           "key_id": store.key_id, "secret": store.secret, **fields})  # fmt: skip


def at_cos(store, **fields):
    return bucket("cos", **{"endpoint": store.host, **fields})


def quoted(key, safe="/"):
    from urllib.parse import quote

    return "/" + quote(key, safe=safe)


@pytest.fixture(scope="module")
def swift(make_once):
    store = make_once.closing.add(Swift(make_once.inside("swift")), Swift.stop)
    store.start()
    for name, key in KEYS.items():
        store.put("pictures", key, f"this is {name}".encode(), Cache_Control="max-age=60")
    store.put("pictures", "large.bin", bytes(range(256)) * 12000)
    store.put("pictures", "meta.txt", b"meta", x_amz_meta_owner="someone", Content_Disposition="attachment")
    return store


@pytest.fixture(scope="module")
def signer(make_once):
    return make_once.closing.add(Signer(), Signer.stop)


@pytest.fixture
def cos(make, signer):
    store = CosStore(make.origin("cos"), signer)
    for name, key in KEYS.items():
        store.objects[key] = f"this is {name}".encode()
    return store


@pytest.fixture(scope="module")
def server(make_once, swift):
    """One Headwater for what needs no other."""
    backup = origin_of(make_once.origin("backup"))
    return make_once.headwater(
        [
            domain(at_swift(swift), name="s3.test"),
            domain(at_swift(swift, secret="wrong"), name="wrong.test"),
            domain(at_swift(swift, secret="wrong"), backup, name="saved.test"),
            domain(at_swift(swift, key_id="nobody"), name="nobody.test"),
            domain(at_swift(swift, access="public", key_id=None, secret=None), name="public.test"),
            domain(at_swift(swift, store_headers="meta", strip_disposition=True), name="meta.test"),
            domain(at_swift(swift, store_headers="keep"), name="keep.test"),
        ],
        flags={"origin_rules": "extended", "cache_memory": "64m"},
    )


# ---- a real store ----


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("safe", ["/", "/!'()*~;=&@,$+"], ids=["all encoded", "little encoded"])
def test_a_private_object_is_pulled_from_a_real_store(server, swift, key, safe):
    response = server.get(quoted(KEYS[key], safe), host="s3.test")
    assert (response.status, response.body) == (200, f"this is {key}".encode())
    assert server.get(quoted(KEYS[key], safe), host="s3.test").fields.get("X-Cache") == "HIT"


def test_escapes_in_small_letters_are_the_same_key(server):
    target = quoted(KEYS["spaces, UTF-8 and a plus"]).lower()
    assert server.get(target, host="s3.test").body == b"this is spaces, UTF-8 and a plus"


def test_head_stays_head(server):
    response = server.ask("HEAD", "/dir/a.txt", host="s3.test")
    assert (response.status, response.body, response.fields.get("Content-Length")) == (200, b"", "13")
    assert server.ask("HEAD", "/absent", host="s3.test").status == 404


def test_ranges_and_conditions_go_through(server):
    body = bytes(range(256)) * 12000
    part = server.get("/large.bin?once", host="s3.test", fields=[("Range", "bytes=1000-1999")])
    assert (part.status, part.body) == (206, body[1000:2000])
    assert part.fields.get("Content-Range") == f"bytes 1000-1999/{len(body)}"
    far = server.get("/large.bin?once", host="s3.test", fields=[("Range", "bytes=2500000-2500009")])
    assert (far.status, far.body) == (206, body[2500000:2500010])
    whole = server.get("/large.bin", host="s3.test")
    assert whole.body == body
    tag = whole.fields.get("ETag")
    same = server.get("/large.bin?passed", host="s3.test", fields=[("If-None-Match", tag), ("Cache-Control", "no-cache")])
    assert same.status == 304
    # A method that passes straight through has its own range and condition.
    assert server.ask("HEAD", "/large.bin?head", host="s3.test", fields=[("If-None-Match", tag)]).status == 304


def test_what_is_not_there_is_a_404_of_the_store(server):
    response = server.get("/absent.txt", host="s3.test")
    assert response.status == 404 and b"<Code>NoSuchKey</Code>" in response.body


@pytest.mark.parametrize("host", ["wrong.test", "nobody.test"])
def test_a_wrong_key_ends_in_the_honest_403(server, host):
    response = server.get("/dir/a.txt", host=host)
    assert response.status == 403 and response.error is None


def test_a_wrong_secret_ends_at_the_hot_backup(server):
    response = server.get("/dir/a.txt", host="saved.test")
    assert (response.status, response.body) == (200, b"backup")


def test_a_public_bucket_is_asked_without_a_signature(server):
    """The store lets nobody in without one."""
    response = server.get("/dir/a.txt", host="public.test")
    assert response.status in (400, 403) and response.body != b"this is plain"


def test_the_stores_own_fields_stay_behind_unless_they_are_wanted(server):
    def names(host):
        response = server.get("/meta.txt", host=host)
        assert response.status == 200
        return {name.lower(): value for name, value in response.fields}

    dropped, meta, kept = names("s3.test"), names("meta.test"), names("keep.test")
    assert not [name for name in dropped if name.startswith("x-amz") or name == "x-trans-id"]
    assert dropped["content-disposition"] == "attachment"
    assert [name for name in meta if name.startswith("x-amz")] == ["x-amz-meta-owner"]
    assert meta["x-amz-meta-owner"] == "someone" and "content-disposition" not in meta
    assert kept["x-amz-meta-owner"] == "someone"
    assert "x-amz-request-id" not in kept and "x-amz-id-2" not in kept and "x-openstack-request-id" not in kept


@pytest.mark.parametrize("target", ["/", "//", "/?list-type=2", "/?acl", "/%2f"])
def test_a_bucket_is_never_listed(server, target):
    response = server.get(target, host="s3.test")
    assert 400 <= response.status < 500 and b"large.bin" not in response.body and response.error is None


# ---- COS, as the official SDK signs ----


@pytest.mark.parametrize("key", KEYS)
def test_a_private_object_is_pulled_from_cos(make, cos, key):
    server = make.headwater([domain(at_cos(cos))])
    response = server.get(quoted(KEYS[key]))
    assert (response.status, response.body) == (200, f"this is {key}".encode()), cos.refusals
    assert cos.origin.requests[-1].fields.get("Host") == cos.host


def test_ranges_and_conditions_are_signed_for_cos(make, cos):
    cos.objects["a"] = b"0123456789"
    server = make.headwater([domain(at_cos(cos))])
    part = server.get("/a", fields=[("Range", "bytes=2-4")])
    assert (part.status, part.body, cos.refusals) == (206, b"234", [])
    whole = server.get("/a")
    assert server.get("/a", fields=[("If-None-Match", whole.fields.get("ETag"))]).status == 304
    # Several Range fields are none: they cannot be signed as one.
    both = server.get("/a", fields=[("Range", "bytes=2-4"), ("Range", "bytes=5-6")])
    assert (both.status, both.body, cos.refusals) == (200, b"0123456789", [])


def test_a_temporary_key_travels_with_its_token(make, cos):
    cos.tokens["AKIDtest"] = "the-token"
    server = make.headwater([
        domain(at_cos(cos, token="the-token")), domain(at_cos(cos), name="without.test")])  # fmt: skip
    assert server.get("/dir/a.txt").status == 200
    assert cos.origin.requests[-1].fields.get("x-cos-security-token") == "the-token"
    assert server.get("/dir/a.txt", host="without.test").status == 403


# What a visitor says, and what the bucket is asked.
SUBRESOURCES = ["acl", "uploads", "policy", "list-type=2&prefix=", "versions", "response-content-type=text/html", "x-cos-acl=a",
                "X-Amz-Signature=a&X-Amz-Credential=b", "q-sign-algorithm=sha1&q-ak=a"]  # fmt: skip


@pytest.mark.parametrize("query", SUBRESOURCES)
def test_a_visitors_query_is_never_signed(make, cos, query):
    server = make.headwater([domain(at_cos(cos))])
    assert server.get(f"/dir/a.txt?{query}").body == b"this is plain"
    assert b"everything" not in server.get(f"/?{query}").body
    for request in cos.origin.requests:
        assert "?" not in request.target
        assert request.path != "/" or "Authorization" not in request.fields


def test_a_public_bucket_gets_the_query_and_no_signature(make):
    store = make.origin("store")
    server = make.headwater([domain({"type": "cos", "bucket": {"endpoint": store.address}, **SHORT})])
    assert server.get("/p.png?imageMogr2/thumbnail/!50p").status == 200
    request = store.requests[-1]
    assert request.target == "/p.png?imageMogr2/thumbnail/!50p" and "Authorization" not in request.fields


def test_path_style_has_the_bucket_in_front(make):
    store = make.origin("store")
    public = {"type": "s3", "bucket": {"endpoint": store.address, "bucket": "B_1", "style": "path"}, **SHORT}
    server = make.headwater([domain(public)])
    assert server.get("/a%20b?c=d").status == 200
    assert store.requests[-1].target == "/B_1/a%20b?c=d"


def test_what_a_client_sends_for_itself_does_not_reach_a_bucket(make, cos):
    server = make.headwater([domain(at_cos(cos), headers={"to_origin": ["set Authorization: Bearer rule", "set X-Mine: yes"]})])
    response = server.get("/dir/a.txt", fields=[
        ("Authorization", "Bearer mine"), ("Cookie", "a=b"), ("Date", "Mon, 01 Jan 2001 00:00:00 GMT"), ("X-Cos-Acl", "public-read"),
        ("X_Cos_Acl", "public-read"), ("x-amz-date", "20000101T000000Z"), ("x-cos-security-token", "t"), ("Accept-Language", "de")])  # fmt: skip
    assert (response.status, cos.refusals) == (200, [])
    request = cos.origin.requests[-1]
    names = [name.lower() for name, _ in request.fields]
    assert names.count("authorization") == 1 and request.fields.get("Authorization").startswith("q-sign-algorithm=sha1&")
    assert not {"cookie", "date", "x-cos-acl", "x_cos_acl", "x-amz-date", "x-cos-security-token"} & set(names)
    assert request.fields.get("Accept-Language") == "de" and request.fields.get("X-Mine") == "yes"
    assert request.fields.get("X-Forwarded-For") == "127.0.0.1" and "Via" in request.fields


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"])
def test_a_bucket_is_only_read(make, cos, method):
    server = make.headwater([domain(at_cos(cos)), domain(at_cos(cos, access="public"), name="public.test")])
    for host in ("edge.test", "public.test"):
        response = server.ask(method, "/dir/a.txt", host=host)
        assert (response.status, response.error) == (405, "not_allowed")
        assert response.fields.get("Allow") == "GET, HEAD, OPTIONS"
    assert not cos.origin.requests


def test_a_bucket_is_sent_no_body(make, cos):
    master = make.origin("master")
    server = make.headwater([
        domain(at_cos(cos)), domain(master, at_cos(cos), name="saved.test")], flags={"origin_rules": "extended"})  # fmt: skip
    assert server.ask("GET", "/dir/a.txt", body=b"GET /?acl HTTP/1.1\r\nHost: a\r\n\r\n").status == 400
    master.down()
    assert server.ask("GET", "/dir/a.txt", host="saved.test", body=b"x").status == 502
    assert not cos.origin.requests


def test_options_is_never_signed(make, cos):
    server = make.headwater([domain(at_cos(cos))])
    response = server.ask("OPTIONS", "/dir/a.txt?acl", fields=[("Origin", "https://a.test")])
    assert (response.status, response.fields.get("Access-Control-Allow-Origin")) == (200, "*")
    request = cos.origin.requests[-1]
    assert (request.target, "Authorization" in request.fields) == ("/dir/a.txt", False)


@pytest.mark.parametrize("target", ["/a/../b", "/..", "/.", "/a/%2e%2E/b", "/a/.%2e", "/%2e%2e%2fother/a", "/a%00b", "/a%0ab", "/a%zz", "/a%", "/%7f"])
def test_a_path_that_means_more_than_one_thing_is_refused(make, cos, target):
    server = make.headwater([domain(at_cos(cos)), domain(at_cos(cos, access="public"), name="public.test")])
    for host in ("edge.test", "public.test"):
        assert server.get(target, host=host).status == 400
    assert not cos.origin.requests


def test_an_error_of_the_store_is_a_status_like_any_other(make, cos):
    server = make.headwater([domain(at_cos(cos), cache={"ttl_statuses": ["404:60s"]})], flags={"cache_memory": "64m"})
    for expected in ("MISS", "HIT"):
        response = server.get("/absent")
        assert (response.status, response.fields.get("X-Cache")) == (404, expected)
        assert b"NoSuchKey" in response.body
    assert len(cos.origin.requests) == 1


def test_cookies_and_ids_of_requests_are_not_cached(make, cos):
    cos.fields = {"Set-Cookie": "a=b", "Cache-Control": "max-age=60", "x-cos-trace-id": "t", "Content-Disposition": "attachment"}
    server = make.headwater([
        domain(at_cos(cos, store_headers="keep", strip_disposition=True)),
        domain(at_cos(cos), name="drop.test")], flags={"cache_memory": "64m"})  # fmt: skip
    for expected in ("MISS", "HIT"):
        response = server.get("/dir/a.txt")
        names = {name.lower() for name, _ in response.fields}
        assert response.fields.get("X-Cache") == expected
        assert not names & {"set-cookie", "x-cos-request-id", "x-cos-trace-id", "content-disposition"}
        assert {"x-cos-hash-crc64ecma", "x-cos-meta-a", "server"} <= names
        names = {name.lower() for name, _ in server.get("/dir/a.txt", host="drop.test").fields}
        assert not [name for name in names if name.startswith("x-cos")] and "content-disposition" in names
        assert "server" not in names


# ---- failing over ----


def test_under_extended_rules_a_failed_master_goes_to_a_signed_bucket(make, cos):
    master = make.origin("master")
    server = make.headwater([domain(master, at_cos(cos))], flags={"origin_rules": "extended"})
    master.default = Reply(status=503)
    assert server.get("/dir/a.txt?acl").body == b"this is plain"
    assert (cos.signed, cos.refusals, cos.origin.requests[-1].target) == (1, [], "/dir/a.txt")
    master.down()
    assert server.get("/dir/a.txt?b").body == b"this is plain"
    # What a bucket does not take is the master's alone.
    asked = len(cos.origin.requests)
    assert server.ask("POST", "/dir/a.txt", body=b"x").status == 502
    assert server.get("/a/../dir/a.txt").status == 502
    assert len(cos.origin.requests) == asked
    master.up()
    master.default = Reply(body=b"master's")
    assert server.ask("POST", "/dir/a.txt", body=b"x").body == b"master's"


def test_a_bucket_that_fails_goes_to_its_backup(make, cos):
    server = make.headwater([domain(at_cos(cos), origin_of(make.origin("backup")))], flags={"origin_rules": "extended"})
    assert server.get("/absent").body == b"backup"
    cos.origin.down()
    assert server.get("/dir/a.txt").body == b"backup"


# ---- clocks ----

CLOCKS = {"ahead": 7200, "behind": -7200}


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_clock_that_differs_is_corrected_once_and_told(make, cos, clock):
    cos.ahead_s = CLOCKS[clock]
    server = make.headwater([domain(at_cos(cos))])
    assert server.get("/dir/a.txt").status == 200
    assert len(cos.refusals) == 1 and len(cos.origin.requests) == 2
    line = server.wait_line("the clock of the bucket")
    assert abs(int(re.search(r"by (-?\d+) s", line)[1]) - cos.ahead_s) <= 2 and cos.host in line and "edge.test" in line
    assert [one["next"] for one in server.wait_log()[0]["attempts"]] == ["clock", "deliver"]
    # From then on it is right at once, also for other requests.
    for path in ("/dir/a.txt?1", "/dir/a.txt?2"):
        assert server.get(path).status == 200
    assert server.ask("HEAD", "/dir/a.txt").status == 200
    assert len(cos.refusals) == 1 and len([one for one in server.lines if "the clock of the bucket" in one]) == 1


def test_a_head_request_corrects_the_clock_too(make, cos):
    cos.ahead_s = 7200
    server = make.headwater([domain(at_cos(cos))])
    assert server.ask("HEAD", "/dir/a.txt").status == 200


def test_a_store_whose_clock_never_agrees_is_not_asked_for_ever(make, cos):
    """Each answer tells of another time."""
    server = make.headwater([domain(at_cos(cos))])
    cos.ahead_s = 7200
    refuse = cos.refuse

    def run_away(request):
        cos.ahead_s += 7200
        return refuse(request)

    cos.refuse = run_away
    for count in range(1, 4):
        assert server.get(f"/dir/a.txt?{count}").status == 403
    # Once for the first; those after it come before ten seconds are over.
    assert len(cos.origin.requests) == 4
    assert len([one for one in server.lines if "the clock of the bucket" in one]) == 1


@pytest.mark.parametrize("master", ["own", "a bucket, whose clock differs as well"])
def test_a_clock_that_differs_is_corrected_when_the_rest_of_a_body_is_asked_for(make, cos, signer, master):
    """The bucket is met for the first time then; and that it is asked twice uses up no attempt."""
    body, broken = random.Random(1).randbytes(400_000), []
    cos.objects["large"] = body
    cos.ahead_s = 7200
    first = CosStore(make.origin("master"), signer)
    first.objects["large"] = body
    first.ahead_s = 0 if master == "own" else -7200
    give = first.give

    def break_off(request, body):
        broken.append(request)
        reply = give(request, body)
        return dataclasses.replace(reply, cut="mid_body", cut_after=300_000) if len(broken) == 1 else Reply(cut="before")

    first.give = break_off
    if master == "own":
        first.refuse = lambda request: None
    origin = origin_of(first.origin) if master == "own" else at_cos(first)
    server = make.headwater([domain(origin, at_cos(cos), cache={"mode": "off"}, resume={"attempts": 2})],
                            flags={"origin_rules": "extended"})  # fmt: skip
    assert server.get("/large").body == body
    assert len(cos.refusals) == 1 and len(broken) == 2
    rows = server.wait_log()[0]["attempts"][-3:]
    assert [(row["role"], row["next"]) for row in rows] == [("master", "resume"), ("backup", "clock"), ("backup", "deliver")]
    assert (rows[2]["first"], rows[2]["last"]) == (300_000, 399_999)


def test_a_refusal_for_another_reason_is_not_repeated(make, cos):
    server = make.headwater([domain(at_cos(cos, secret="wrong"))])
    assert server.get("/dir/a.txt").status == 403
    assert cos.refusals == ["SignatureDoesNotMatch"]


def test_an_s3_clock_is_corrected_as_well(make):
    """A store that refuses what is not of its time; whether the signature is right, the real one tells."""
    import calendar
    import email.utils

    store, ahead_s = make.origin("store"), 3600

    def answer(request):
        signed = calendar.timegm(time.strptime(request.fields.get("x-amz-date"), "%Y%m%dT%H%M%SZ"))
        now = time.time() + ahead_s
        date = ("Date", email.utils.formatdate(now, usegmt=True))
        if abs(now - signed) > 900:
            return Reply(status=403, body=b"<Error><Code>RequestTimeTooSkewed</Code></Error>", fields=(date,))
        return Reply(body=b"right", fields=(date,))

    store.default = answer
    server = make.headwater([domain(bucket("s3", endpoint=store.address))])
    assert server.get("/a").body == b"right"
    assert len(store.requests) == 2


# ---- probes ----


def test_a_private_bucket_is_probed_with_a_signature(make, cos):
    cos.ahead_s = 7200
    server = make.headwater([domain(at_cos(cos, probe={"path": "/dir/a.txt", "interval": "1s"}))])
    end = time.monotonic() + 15
    while cos.signed < 2:
        assert time.monotonic() < end, cos.refusals
        time.sleep(0.05)
    assert len(cos.refusals) <= 1 and server.get("/dir/a.txt").status == 200


# ---- keys ----


def test_a_key_is_rotated_under_load_without_a_dropped_request(make, cos):
    """The old key ends only once the new one is in use, as its owner would do it."""
    cos.keys["AKIDnew"] = "new secret"
    server = make.headwater([domain(at_cos(cos), cache={"mode": "off"})])
    statuses, ends = [], threading.Event()

    def ask():
        while not ends.is_set():
            statuses.append(server.get("/dir/a.txt").status)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(ask) for _ in range(4)]
        try:
            time.sleep(0.5)
            server.write_domains([domain(at_cos(cos, key_id="AKIDnew", secret="new secret"), cache={"mode": "off"})])
            end = time.monotonic() + 10
            while "q-ak=AKIDnew&" not in cos.origin.requests[-1].fields.get("Authorization"):
                assert time.monotonic() < end
                time.sleep(0.01)
            time.sleep(0.5)
            del cos.keys["AKIDtest"]
            time.sleep(0.5)
        finally:
            ends.set()
        for one in running:
            one.result(20)
    assert len(statuses) > 20 and set(statuses) == {200} and cos.refusals == []


def test_no_secret_is_in_any_log(make, cos):
    server = make.headwater([domain(at_cos(cos, secret="a-very-secret-key", token="a-very-secret-token"), debug=True)])
    response = server.get("/dir/a.txt")
    assert response.status == 403
    everything = server.text + json.dumps(server.wait_log()) + repr(response.raw)
    assert "a-very-secret" not in everything and "q-signature" not in everything


def test_a_private_object_that_breaks_off_is_asked_for_with_a_signature_of_its_own(make, signer):
    """The range is signed with the rest (docs/unbroken.md)."""
    store = CosStore(make.origin("cos"), signer)
    store.objects["large.bin"] = bytes(range(256)) * 2000
    whole = store.answer

    def answer(request):
        reply = whole(request)
        if len(store.origin.requests) == 1:
            reply = dataclasses.replace(reply, cut="mid_body", cut_after=200_000, how="reset")
        return reply

    store.origin.default = answer
    server = make.headwater([domain(at_cos(store), cache={"mode": "off"})])
    response = server.get("/large.bin")
    assert response.status == 200 and response.body == store.objects["large.bin"]
    first, second = store.origin.requests
    assert second.fields.get("Range") == "bytes=195904-" and not store.refusals and store.signed == 2
    assert "q-header-list=host;range&" in second.fields.get("Authorization")
    assert "q-header-list=host&" in first.fields.get("Authorization")
