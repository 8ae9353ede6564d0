"""Buckets asked oddly: keys and ranges that are hard to write, and to sign, in one way only; and what must never get through."""
import pytest
from cos_store import CosStore
from domains import SHORT, domain
from test_buckets import at_cos, at_swift, quoted, signer, swift  # noqa: F401

ODD = {
    "a slash in front": "/a.txt",
    "slashes in a row": "a///b//",
    "a folder": "dir/",
    "a percent sign that looks encoded": "a%2Fb%252F%.txt",
    "a long one": "n" * 1000,
    "a long one of characters that are sent encoded": "!*'()" * 200,
    "Chinese": "目录/" * 100 + "文件",
    "an emoji and a combining mark": "😀/e\u0301.txt",
    "spaces around": " a /  b ",
    "dots": "...",
    "backslashes and quotes": "a\\b\"c'd`e|f^g{h}<i>",
}  # fmt: skip


@pytest.fixture(scope="module", name="cos")
def _cos(make_once, signer):  # noqa: F811
    store = CosStore(make_once.origin("cos"), signer)
    for name, key in ODD.items():
        store.objects[key] = f"this is {name}".encode()
    store.objects["dir/a.txt"] = b"plain"
    store.objects["large"] = bytes(range(256)) * 100
    return store


@pytest.fixture(scope="module", name="server")
def _server(make_once, cos, swift):  # noqa: F811
    for name, key in ODD.items():
        swift.put("pictures", key, f"this is {name}".encode())
    public = {"type": "s3", "bucket": {"endpoint": cos.origin.address, "bucket": "b", "style": "path"}, **SHORT}
    private = {"access": "private", "key_id": "AKIDtest", "secret": "secret"}
    path_style = {**public, "bucket": {**public["bucket"], **private}}
    return make_once.headwater([
        domain(at_cos(cos), name="cos.test"), domain(at_swift(swift), name="s3.test"), domain(public, name="public.test"),
        domain(path_style, name="path.test"), domain(at_cos(cos, store_headers="keep"), name="keep.test"),
    ])  # fmt: skip


@pytest.mark.parametrize("key", ODD)
@pytest.mark.parametrize("host", ["cos.test", "s3.test"])
@pytest.mark.parametrize("safe", ["/", "/!'()*~;=&@,$+", ""], ids=["all encoded", "little encoded", "slashes, too"])
def test_odd_keys_are_found(server, cos, host, key, safe):
    response = server.get(quoted(ODD[key], safe), host=host)
    assert (response.status, response.body) == (200, f"this is {key}".encode()), cos.refusals


def test_the_longest_path_is_sent_or_refused(server, cos):
    """Encoded, it is three times as long as it came."""
    for length in (2000, 4000, 8000, 16000, 32000, 60000):
        response = server.get("/" + "!" * length, host="cos.test")
        assert response.status in (404, 414, 431, 502) and (response.status == 404 or response.error), (length, response)
        if response.status == 404:
            assert cos.origin.requests[-1].target == "/" + "%21" * length
    server.assert_healthy()


# What a client sends as Range, and the status that follows.
RANGES = {
    "bytes=0-9": 206, "bytes= 0-9": None, "bytes=0-9,  20-29": None, "bytes=0-9 , 20-29": None, "BYTES=0-9": None,
    "bytes=0-9\t, 20-29": None, "bytes=-10": 206, "bytes=5-": 206, "lines=1-2": None, "bytes=9-0": None,
    "bytes=0-9;a=b": None, "\"'()*!": None, "bytes=99999999-": 416,
}  # fmt: skip


@pytest.mark.parametrize("wanted", RANGES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_odd_range_is_signed_as_it_is_sent(server, method, wanted, swift):  # noqa: F811
    """What the store makes of it is its own; but it believes the signature."""
    response = server.ask(method, "/large.bin", host="s3.test", fields=[("Range", wanted)])
    assert response.status in (200, 206, 416), response
    assert RANGES[wanted] is None or response.status == RANGES[wanted] or method == "HEAD"


@pytest.mark.parametrize("host", ["cos.test", "s3.test", "public.test", "path.test", "keep.test"])
def test_a_question_about_the_server_is_none_to_a_bucket(server, cos, host):
    asked = len(cos.origin.requests)
    response = server.ask("OPTIONS", "*", host=host)
    assert response.status < 500
    for request in cos.origin.requests[asked:]:
        assert request.target in ("*", "/", "/b/"), request.target
        assert "Authorization" not in request.fields


@pytest.mark.parametrize("target", ["/", "//", "/%2F", "/%2f//", "/?prefix=", "/?list-type=2&x=%26", "/%2F?uploads"])
@pytest.mark.parametrize("host", ["cos.test", "path.test"])
def test_what_has_no_key_is_not_signed(server, cos, host, target):
    asked = len(cos.origin.requests)
    response = server.get(target, host=host)
    assert response.status == 403 and b"everything" not in response.body
    assert all("Authorization" not in request.fields for request in cos.origin.requests[asked:])


@pytest.mark.parametrize("target", ["/b/../c/x", "/%2e%2e/c/x", "/.%2E/c/x", "/..%2fc/x", "/%2e/x", "/a/..", "/a/%2E%2e?x"])
@pytest.mark.parametrize("host", ["path.test", "public.test"])
def test_no_path_leads_to_another_bucket(server, cos, host, target):
    asked = len(cos.origin.requests)
    assert server.get(target, host=host).status == 400
    assert len(cos.origin.requests) == asked


CASES = {"200": ("GET", "/dir/a.txt", ()), "206": ("GET", "/large", [("Range", "bytes=0-9")]), "404": ("GET", "/absent", ()),
         "HEAD": ("HEAD", "/dir/a.txt", ()), "304": ("GET", "/dir/a.txt", "its own")}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_fields_of_the_store_stay_behind_whatever_the_answer_is(server, cos, case):
    method, target, fields = CASES[case]
    if fields == "its own":
        tag = server.get(target, host="cos.test").fields.get("ETag")
        fields = [("If-None-Match", tag), ("Cache-Control", "no-cache")]
    cos.fields = {"x-cos-trace-id": "t", "X-Amz-Id-2": "i", "Set-Cookie": "a=b"}
    try:
        for host in ("cos.test", "keep.test"):
            response = server.ask(method, target, host=host, fields=fields)
            assert case == "HEAD" or response.status == int(case)
            names = {name.lower() for name, _ in response.fields}
            assert not names & {"set-cookie", "x-cos-request-id", "x-cos-trace-id", "x-amz-id-2"}
            if host == "cos.test":
                assert not [name for name in names if name.startswith(("x-cos-", "x-amz-"))] and "tencent" not in response.fields.get("Server", "")
    finally:
        cos.fields = {}
