"""The HTTP side of the API: methods, framing, slow and broken clients, and how many of them."""
import json
import socket
import threading
import time

import client
import control
import pytest
import wire
from control import domain, plane  # noqa: F401 - a fixture

SECURE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def bearer(plane):
    return ("Authorization", plane.admin.fields["Authorization"])


def ask(plane, method, target, *fields, body=None, **options):
    with client.Client(plane.address) as connection:
        connection.request(method, target, "api.test", [bearer(plane), *fields], body, **options)
        return connection.response(method)


# ---- methods ----


@pytest.mark.parametrize("path", ["/api/v1/domains", "/api/v1/status", "/healthz", "/api/v1/openapi.yaml", "/api/v1/domains/absent.test"])
def test_head_is_as_get_without_the_body(plane, path):
    head, get = (ask(plane, method, path) for method in ("HEAD", "GET"))
    same = [[(name, value) for name, value in answer.fields if name != "Date"] for answer in (head, get)]
    assert head.status == get.status and same[0] == same[1] and head.body == b""
    assert head.fields.get("Content-Length") == str(len(get.body))


@pytest.mark.parametrize("method,path,allowed", [
    ("POST", "/api/v1/status", "GET, HEAD, OPTIONS"), ("DELETE", "/api/v1/domains", "GET, HEAD, POST, OPTIONS"),
    ("POST", "/api/v1/domains/a.test", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"), ("GET", "/api/v1/login", "POST, OPTIONS"),
    ("HEAD", "/api/v1/domains/a.test/switch", "POST, OPTIONS"), ("POST", "/healthz", "GET, HEAD, OPTIONS"),
])  # fmt: skip
def test_a_method_that_a_path_does_not_have_is_told_those_that_it_has(plane, method, path, allowed):
    answer = ask(plane, method, path)
    assert answer.status == 405 and answer.fields.get("Allow") == allowed
    assert answer.fields.get("Content-Type") == "application/problem+json"
    options = ask(plane, "OPTIONS", path)
    assert (options.status, options.fields.get("Allow"), options.body) == (204, allowed, b"")


@pytest.mark.parametrize("path", ["/index.html", "/api/v1", "/api/v1/", "/api/v1/domains/", "/api/v1/domains//origin", "/api/v1/domains/a.test/other",
                                  "/api/v1/domains/a.test/origin/", "/API/v1/domains", "/api/v2/domains", "/api/v1/domains/a.test/origin/x",
                                  "/api/v1/./domains", "/api/v1/x/../domains", "/healthz/", "//healthz", "/api%2Fv1/status"])
def test_a_path_that_is_not_there_is_not_found(plane, path):
    for method in ("GET", "PUT", "OPTIONS"):
        answer = ask(plane, method, path)
        assert answer.status == 404 and json.loads(answer.body)["type"] == "/problems/not-found"


@pytest.mark.parametrize("path", ["/api/v1/domains/%zz", "/api/v1/domains/%", "/api/v1/domains/a%00b", "/api/v1/domains/a%0d%0ab", "/api/v1/domains/%7f"])
def test_an_escape_that_is_none_is_refused(plane, path):
    for method in ("GET", "DELETE"):
        assert ask(plane, method, path).status == 400


@pytest.mark.parametrize("name", ["a%2Fb", "..", "%2e%2e", "a%20b", "%C3%A9", "%ff", "'; DROP TABLE domains; --".replace(" ", "%20"), "a" * 4000, "%22"])
def test_any_other_name_is_just_not_there(plane, name):
    for method, path in (("GET", ""), ("GET", "/origin"), ("PATCH", ""), ("POST", "/stop")):
        fields = [("Content-Type", "application/json")] if method == "PATCH" else []
        answer = ask(plane, method, f"/api/v1/domains/{name}{path}", *fields, body=b"{}" if fields else None)
        assert answer.status == 404, answer
        assert json.loads(answer.body)["type"] == "/problems/no-such-domain"


@pytest.mark.parametrize("path,status", [("/api/v1/status", 200), ("/api/v1/nothing", 404), ("/api/v1/domains/a.test", 404), ("/healthz", 200)])
def test_answers_are_kept_by_nobody_and_believed_as_they_are(plane, path, status):
    answer = ask(plane, "GET", path)
    assert answer.status == status
    assert {name: answer.fields.get(name) for name in SECURE} == SECURE
    assert "Date" in answer.fields


def test_pages_of_other_sites_are_allowed_nothing(plane):
    for method, fields in (("OPTIONS", {"Origin": "http://elsewhere.example", "Access-Control-Request-Method": "POST"}),
                           ("GET", {"Origin": "http://elsewhere.example"})):  # fmt: skip
        answer = plane.admin.send(method, "/api/v1/domains", None, fields)
        assert answer.status in (200, 204)
        assert not [name for name in answer.fields if name.lower().startswith("access-control-")]


# ---- requests on the wire ----


def test_requests_that_follow_each_other_without_waiting_are_answered_in_order(plane):
    with client.Client(plane.address) as connection:
        token = ": ".join(bearer(plane))
        paths = ["/api/v1/status", "/healthz", "/api/v1/nothing", "/api/v1/users", "/api/v1/domains", "/healthz"] * 5
        connection.send("".join(f"GET {path} HTTP/1.1\r\nHost: a\r\n{token}\r\n\r\n" for path in paths).encode())
        statuses = [connection.response().status for _ in paths]
    assert statuses == [200, 200, 404, 200, 200, 200] * 5


def test_changes_that_follow_each_other_without_waiting_are_made_in_order(plane):
    name = "pipelined.test"
    plane.admin.ok("createDomain", domain(name))
    with client.Client(plane.address) as connection:
        for number in range(20):
            body = json.dumps({"origin": {"host": f"h{number}.example"}}).encode()
            connection.request("PATCH", f"/api/v1/domains/{name}", "a", [bearer(plane), ("Content-Type", "application/json")], body)
        answers = [connection.response("PATCH") for _ in range(20)]
    assert [json.loads(answer.body)["origin"]["host"] for answer in answers] == [f"h{number}.example" for number in range(20)]


def chunked(*pieces):
    return b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces) + b"0\r\n\r\n"


def test_a_body_may_come_in_chunks(plane):
    body = json.dumps(domain("chunked.test")).encode()
    answer = ask(plane, "POST", "/api/v1/domains", ("Content-Type", "application/json"), ("Transfer-Encoding", "chunked"),
                 body=chunked(*(body[at : at + 5] for at in range(0, len(body), 5))))  # fmt: skip
    assert answer.status == 201


def test_chunks_without_end_are_refused_at_the_limit(plane):
    with client.Client(plane.address) as connection:
        connection.send(f"POST /api/v1/domains HTTP/1.1\r\nHost: a\r\n{': '.join(bearer(plane))}\r\nContent-Type: application/json\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n".encode())  # fmt: skip
        sent = 0
        while sent < 3 << 20 and connection.send(b"10000\r\n" + b" " * 65536 + b"\r\n"):
            sent += 65536
        try:
            answer = connection.response("POST")
            assert answer.status == 413
        except wire.Truncated as error:
            assert error.how == "rst"  # we wrote on after its answer
    plane.program.assert_healthy()


def test_a_body_that_is_not_wanted_is_not_asked_for(plane):
    """With Expect: 100-continue nothing has to be sent for nothing."""
    rows = {
        413: ("Content-Type: application/json\r\nContent-Length: 2000000\r\n", ": ".join(bearer(plane))),
        415: ("Content-Type: text/plain\r\nContent-Length: 2000\r\n", ": ".join(bearer(plane))),
        401: ("Content-Type: application/json\r\nContent-Length: 2000\r\n", "X-Nobody: 1"),
    }
    for status, (fields, who) in rows.items():
        with client.Client(plane.address) as connection:
            connection.send(f"POST /api/v1/domains HTTP/1.1\r\nHost: a\r\n{who}\r\n{fields}Expect: 100-continue\r\n\r\n".encode())
            answer = connection.response("POST", timeout=5)
            assert (answer.status, answer.interim) == (status, [])


def test_a_body_that_is_wanted_is_asked_for(plane):
    body = json.dumps(domain("expected.test")).encode()
    with client.Client(plane.address) as connection:
        connection.send(f"POST /api/v1/domains HTTP/1.1\r\nHost: a\r\n{': '.join(bearer(plane))}\r\nContent-Type: application/json\r\n"
                        f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())  # fmt: skip
        time.sleep(0.2)
        connection.send(body)
        answer = connection.response("POST")
    assert answer.status == 201 and [interim.status for interim in answer.interim] == [100]


def test_a_refused_body_does_not_become_the_next_request(plane):
    smuggled = b"DELETE /api/v1/domains/none.test HTTP/1.1\r\nHost: a\r\n\r\n"
    with client.Client(plane.address) as connection:
        connection.request("POST", "/api/v1/domains", "a", [("Content-Type", "application/json")], smuggled)
        assert connection.response("POST").status == 401
        connection.request("GET", "/healthz", "a")
        try:
            assert connection.response().status == 200
        except wire.Truncated:
            pass  # or the connection has ended


BROKEN = {
    "two lengths": (b"POST /api/v1/login HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n123456", 400),
    "a length and chunks": (b"POST /api/v1/login HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a bad chunk": (b"POST /api/v1/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "another version": (b"GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    "a target too long": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "a head too large": (b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20000 + b"\r\n\r\n", 431),
    "too many fields": (b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 100 + b"\r\n", 431),
    "another coding": (b"POST /api/v1/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "another expectation": (b"GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: the-impossible\r\n\r\n", 417),
}


@pytest.mark.parametrize("field", ["Authorization", "Content-Type", "Idempotency-Key", "X-CSRF-Token"])
def test_what_is_there_once_is_not_there_twice(plane, field):
    """Whoever stands in front of us may have looked at the other one."""
    value = bearer(plane)[1] if field == "Authorization" else "application/json" if field == "Content-Type" else "a"
    fields = [(field, value)] * 2 + [pair for pair in (bearer(plane), ("Content-Type", "application/json")) if pair[0] != field]
    with client.Client(plane.address) as connection:
        connection.request("POST", "/api/v1/domains", "a", fields, json.dumps(domain("twice.test")).encode())
        assert connection.response("POST").status == 400
    assert plane.admin.call("readDomain", name="twice.test").status == 404


@pytest.mark.parametrize("row", BROKEN)
def test_what_is_no_request_is_refused_and_the_connection_ends(plane, row):
    data, status = BROKEN[row]
    with client.Client(plane.address) as connection:
        connection.send(data)
        answer = connection.response("POST")
        assert answer.status == status, answer
        assert "close" in answer.fields.tokens("Connection")
    assert plane.stranger.send("GET", "/healthz").status == 200


def test_http_1_0_is_answered(plane):
    answer = ask(plane, "GET", "/api/v1/status", version="1.0")
    assert answer.status == 200 and json.loads(answer.body)["managed_by"] == "store"


@pytest.mark.parametrize("first", [b"", b"GET", b"GET /healthz HTTP/1.1\r\nHost: a\r\n"], ids=repr)
def test_a_client_that_leaves_in_the_middle_is_forgotten(plane, first):
    for _ in range(20):
        connection = client.Client(plane.address)
        connection.send(first)
        connection.abort()
    assert plane.stranger.send("GET", "/healthz").status == 200


def test_a_client_that_leaves_while_its_change_is_made_leaves_it_whole(plane):
    for number in range(10):
        name = f"left{number}.test"
        with client.Client(plane.address) as connection:
            body = json.dumps(domain(name)).encode()
            connection.request("POST", "/api/v1/domains", "a", [bearer(plane), ("Content-Type", "application/json")], body)
            if number % 2:
                time.sleep(0.002)
            connection.abort()
    time.sleep(1)
    for number in range(10):
        answer = plane.admin.call("readDomain", name=f"left{number}.test")
        assert answer.status in (200, 404)
        assert len(plane.admin.ok("readDomainHistory", name=f"left{number}.test")["items"]) == (answer.status == 200)
    plane.program.assert_healthy()


# ---- slow clients ----


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_slow_request_is_ended_and_holds_up_nobody(plane, part):
    """Both have ten seconds."""
    head = f"POST /api/v1/domains HTTP/1.1\r\nHost: a\r\n{': '.join(bearer(plane))}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
    data = head.encode() if part == "head" else head.encode() + b"\r\n{"
    with client.Client(plane.address, timeout=30) as connection:
        begun = time.monotonic()
        connection.send(data)
        for _ in range(5):
            assert plane.viewer.call("status").status == 200
        answer = connection.response("POST")
        assert answer.status == 408 and 5 < time.monotonic() - begun < 15


def test_one_that_does_not_read_its_answers_holds_up_nobody(plane):
    body = "domains:\n" + "".join(f"- {{name: big{number}.test, origin: {{addresses: [192.0.2.1]}}}}\n" for number in range(1000))
    plane.admin.ok("apply", body)
    with client.Client(plane.address, receive_buffer=4096) as connection:
        for _ in range(50):
            connection.request("GET", "/api/v1/domains?limit=1000", "a", [bearer(plane)])
        for _ in range(20):
            begun = time.monotonic()
            assert plane.viewer.call("status").status == 200
            assert time.monotonic() - begun < 3
    plane.program.assert_healthy()


def test_many_connections_at_once(plane):
    """A thousand and some: what is one too many is turned away, and the others are served."""
    connections = []
    try:
        for _ in range(1100):
            try:
                connections.append(socket.create_connection(plane.address, timeout=5))
            except OSError:
                break
        time.sleep(0.5)
        for connection in connections[:200]:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        answered = 0
        for connection in connections[:200]:
            data = connection.recv(4096)
            answered += data.startswith(b"HTTP/1.1 200")
        assert answered == 200
    finally:
        for connection in connections:
            connection.close()
    time.sleep(0.5)
    assert plane.stranger.send("GET", "/healthz").status == 200


def test_many_clients_at_once_are_all_answered(plane):
    counts = {}
    lock = threading.Lock()

    def run():
        api = plane.viewer.with_fields()
        for number in range(20):
            status = api.call("listDomains" if number % 2 else "listTokens", query={"limit": 5} if number % 2 else {}).status
            with lock:
                counts[status] = counts.get(status, 0) + 1
        api.close()

    threads = [threading.Thread(target=run) for _ in range(32)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sum(counts.values()) == 640 and set(counts) <= {200, 503} and counts[200] > 500, counts


def test_requests_in_flight_are_answered_when_it_ends(make):
    plane = control.Plane(make)
    with client.Client(plane.address) as connection:
        body = json.dumps(domain("last.test")).encode()
        connection.request("POST", "/api/v1/domains", "a", [bearer(plane), ("Content-Type", "application/json"),
                                                            ("Expect", "100-continue")], b"")  # fmt: skip
        connection.response("POST")  # no body is no JSON, but the connection stands
        connection.request("POST", "/api/v1/domains", "a", [bearer(plane), ("Content-Type", "application/json")], body)
        time.sleep(0.05)
        plane.program.signal(15)
        answer = connection.response("POST")
    assert answer.status == 201
    plane.program.process.wait(20)
