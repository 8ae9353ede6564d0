"""Certificates through the control plane: checked, kept sealed, shown by every edge soon, and told without their keys."""
import hashlib
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess

import control
import pytest
from caching import says, wait_until
from certificates import Authority
from client import Client
from program import Headwater, run

PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----\n.*?-----END \1-----\n", re.S)
NAME = "edge.test"


class Pki:
    """An authority, and certificates as texts."""

    def __init__(self, folder):
        self.authority = Authority(folder)

    def make(self, *names, **options):
        """(certificate, key) of a new pair."""
        text = pathlib.Path(self.authority.issue(*names, **options)).read_text()
        whole = [match[0] for match in PEM.finditer(text)]
        assert len(whole) == 2
        return ("".join(one for one in whole if "PRIVATE" not in one), "".join(one for one in whole if "PRIVATE" in one))

    def body(self, *names, **options):
        certificate, key = self.make(*names, **options)
        return {"certificate": certificate, "key": key}


def fingerprint(body):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(PEM.search(body["certificate"])[0])).hexdigest()


@pytest.fixture(scope="module", name="pki")
def _pki(make_once):
    return Pki(make_once.inside("authority"))


@pytest.fixture(scope="module")
def plane(make_once):
    return control.Plane(make_once)


@pytest.fixture
def api(plane):
    return plane.admin


@pytest.fixture
def name(request):
    words = "".join(c if c.isalnum() else "-" for c in request.node.name.lower())
    return f"c{abs(hash(request.node.nodeid)) % 10**8}-{words}"[:60].strip("-")


NEW = {"If-None-Match": "*"}
ANY = {"If-Match": "*"}


# ---- the API ----


def test_one_is_made_read_replaced_and_removed(api, plane, pki, name):
    body = pki.body(NAME, "*.wild.test")
    made = api.call("replaceCertificate", body, name=name, fields=NEW)
    assert made.status == 201 and made.etag == f'"{made.json["revision"]}"'
    assert made.json["names"] == [NAME, "*.wild.test"] and made.json["fingerprint"] == fingerprint(body)
    assert "PRIVATE" not in made.body.decode() and "CERTIFICATE" in made.json["certificate"]
    read = plane.viewer.call("readCertificate", name=name)
    assert read.json == made.json and read.etag == made.etag
    listed = plane.viewer.ok("listCertificates")
    mine = [item for item in listed["items"] if item["name"] == name]
    assert mine == [{key: value for key, value in made.json.items() if key != "certificate"}]
    other = pki.body(NAME)
    replaced = api.call("replaceCertificate", other, name=name, fields={"If-Match": made.etag})
    assert replaced.status == 200 and replaced.json["fingerprint"] == fingerprint(other)
    assert replaced.json["revision"] > made.json["revision"]
    assert api.call("deleteCertificate", name=name, fields={"If-Match": replaced.etag}).status == 204
    assert api.call("readCertificate", name=name).problem == "no-such-certificate"
    assert api.call("deleteCertificate", name=name, fields=ANY).problem == "no-such-certificate"
    assert api.ok("listCertificates")["revision"] > replaced.json["revision"]


def test_the_version_must_be_said_and_right(api, pki, name):
    body = pki.body(NAME)
    assert api.call("replaceCertificate", body, name=name).status == 428
    assert api.call("replaceCertificate", body, name=name, fields=ANY).status == 412
    made = api.call("replaceCertificate", body, name=name, fields=NEW)
    assert made.status == 201
    again = api.call("replaceCertificate", body, name=name, fields=NEW)
    assert again.status == 412 and again.etag == made.etag and again.json["revision"] == made.json["revision"]
    assert api.call("replaceCertificate", body, name=name, fields={"If-Match": '"1"'}).status == 412
    assert api.call("deleteCertificate", name=name).status == 428
    assert api.call("deleteCertificate", name=name, fields={"If-Match": '"1"'}).status == 412
    assert api.call("deleteCertificate", name=name, fields={"If-Match": made.etag}).status == 204


def test_a_dry_run_changes_nothing(api, pki, name):
    body = pki.body(NAME)
    answer = api.ok("replaceCertificate", body, name=name, fields=NEW, query={"dry_run": "1"})
    assert answer["changes"][0]["what"] == "created" and f"names: none -> {NAME}" in answer["changes"][0]["diff"]
    assert api.call("readCertificate", name=name).status == 404
    made = api.call("replaceCertificate", body, name=name, fields=NEW)
    assert api.ok("replaceCertificate", body, name=name, fields=ANY, query={"dry_run": "1"})["changes"] == []
    assert api.ok("deleteCertificate", name=name, fields=ANY, query={"dry_run": "1"})["changes"][0]["what"] == "removed"
    assert api.call("readCertificate", name=name).etag == made.etag


def encrypted(key):
    return subprocess.run(["openssl", "pkey", "-aes256", "-passout", "pass:secret"], input=key.encode(), capture_output=True,
                          check=True).stdout.decode()  # fmt: skip


def test_what_cannot_be_shown_is_refused_with_its_place(api, pki, name):
    certificate, key = pki.make(NAME)
    _, other = pki.make(NAME)
    weak = subprocess.run(["openssl", "genrsa", "1024"], capture_output=True, check=True).stdout.decode()
    for body, wanted in (
        ({"certificate": "", "key": key}, ("/certificate", "pem")),
        ({"certificate": "nonsense", "key": key}, ("/certificate", "pem")),
        ({"certificate": certificate, "key": ""}, ("/key", "pem")),
        ({"certificate": certificate, "key": other}, ("/key", "match")),
        ({"certificate": certificate, "key": weak}, ("/key", "match")),
        ({"certificate": certificate, "key": encrypted(key)}, ("/key", "pem")),
        ({"certificate": certificate + key, "key": key}, ("/certificate", "pem")),
        ({"certificate": certificate, "key": key + certificate}, ("/key", "pem")),
        ({"certificate": certificate, "key": key + other}, ("/key", "pem")),
        ({"certificate": certificate.replace("MII", "AAA", 1), "key": key}, ("/certificate", "pem")),
        ({"certificate": certificate + "#" * 65536, "key": key}, ("/certificate", "size")),
        ({"certificate": certificate, "key": key + "#" * 16384}, ("/key", "size")),
        ({"certificate": certificate}, ("/key", "missing")),
        ({"certificate": certificate, "key": key, "more": 1}, ("/more", "unknown-field")),
        ({"certificate": certificate, "key": 5}, ("/key", "type")),
    ):
        answer = api.call("replaceCertificate", body, name=name, fields=NEW)
        assert answer.status == 422 and answer.errors == [wanted], (answer, wanted)
        assert key.split("\n")[1] not in answer.body.decode()
    assert api.call("readCertificate", name=name).status == 404


def test_an_expired_one_is_refused(api, pki, name):
    body = pki.body(NAME, days=-1)
    answer = api.call("replaceCertificate", body, name=name, fields=NEW)
    assert answer.errors == [("/certificate", "expired")]


@pytest.mark.parametrize("wrong", ["Upper", "-a", "a b", "a" * 65, "ä", "..", ""])
def test_a_name_has_its_rules(api, pki, wrong):
    answer = api.call("replaceCertificate", pki.body(NAME), name=wrong, fields=NEW)
    assert answer.status in (400, 404, 405)


def test_only_an_admin_changes(plane, pki, name):
    body = pki.body(NAME)
    for who in (plane.viewer, plane.operator):
        assert who.call("replaceCertificate", body, name=name, fields=NEW).problem == "forbidden"
        assert who.call("deleteCertificate", name=name, fields=ANY).problem == "forbidden"
    assert plane.stranger.call("listCertificates").status == 401


def test_what_else_the_text_has_is_not_kept(api, pki, name):
    body = pki.body(NAME)
    body["certificate"] = "Bag Attributes\n    friendlyName: secret words\n" + body["certificate"]
    made = api.call("replaceCertificate", body, name=name, fields=NEW)
    assert made.status == 201 and "secret words" not in made.json["certificate"]


def test_the_history_tells_who_and_what_and_no_key(api, pki, name):
    body = pki.body(NAME)
    made = api.ok("replaceCertificate", body, name=name, fields=NEW)
    other = pki.body("b.test")
    api.ok("replaceCertificate", other, name=name, fields=ANY)
    api.call("deleteCertificate", name=name, fields=ANY)
    answer = api.call("readHistory", query={"limit": 3})
    items = answer.json["items"]
    assert [(item["of"], item["name"], item["what"], item["action"]) for item in items] == [
        ("certificate", name, "removed", "certificate.delete"),
        ("certificate", name, "changed", "certificate.replace"),
        ("certificate", name, "created", "certificate.create"),
    ]
    assert f"names: {NAME} -> b.test" in items[1]["diff"]
    assert f"fingerprint: none -> {made['fingerprint']}" in items[2]["diff"]
    assert "PRIVATE" not in answer.body.decode()
    assert items[0]["who"].startswith("admin")


def test_the_key_lies_nowhere_in_the_clear(make, pki):
    plane = control.Plane(make)
    body = pki.body(NAME)
    plane.admin.ok("replaceCertificate", body, name="a", fields=NEW)
    plane.admin.ok("replaceCertificate", pki.body(NAME), name="a", fields=ANY)
    before = plane.admin.ok("readCertificate", name="a")
    secret = [line.encode() for line in body["key"].split("\n")[1:-2] if line]
    assert secret
    for path in plane.state.iterdir():
        if path.is_file():
            assert not any(line in path.read_bytes() for line in secret), path
    # And is there after a start.
    plane.program.stop()
    plane.program.start()
    plane.find_address()
    plane.wait_open()
    again = control.Api(plane.address, dict(plane.admin.fields))
    assert again.ok("readCertificate", name="a") == before
    assert again.ok("listCertificates")["revision"] == before["revision"]


# ---- the edges ----


SOON = 5


def shown(pki, port, name=NAME):
    """The fingerprint of what a client is shown; None where there is nothing that it trusts."""
    context = ssl.create_default_context(cafile=pki.authority.path)
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as plain:
            with context.wrap_socket(plain, server_hostname=name) as tls:
                return hashlib.sha256(tls.getpeercert(True)).hexdigest()
    except (ssl.SSLError, ConnectionResetError, ConnectionRefusedError):
        return None


def wait_shown(pki, port, body, name=NAME, within=SOON):
    wanted = body and fingerprint(body)
    wait_until(lambda: shown(pki, port, name) == wanted, f"{wanted} is shown for {name}", within)


def tls_port(program, since=0):
    return int(re.search(r"TLS is on 127\.0\.0\.1:(\d+)", program.wait_line("TLS is on 127", 10, since))[1])


def put(api, body, name="a", fields=None):
    answer = api.call("replaceCertificate", body, name=name, fields=fields or NEW)
    assert answer.status in (200, 201), answer
    return answer.json


def serve(make, **flags):
    """A control plane with its edge, and the port of TLS."""
    plane = control.Plane(make, "serve", {"listen_tls": "127.0.0.1:0", **flags}, workers=2)
    return plane, tls_port(plane.program)


def test_what_is_put_is_shown_soon_and_what_is_removed_no_more(make, pki):
    plane, port = serve(make)
    api = plane.admin
    assert shown(pki, port) is None
    first, second, other = pki.body(NAME), pki.body(NAME), pki.body("other.test")
    made = put(api, first)
    wait_shown(pki, port, first)
    wait_until(lambda: [edge.get("shown") for edge in api.ok("listEdges")["items"]] == [made["revision"]], "it is told", SOON)
    # Domains have nothing of it.
    assert api.ok("listEdges")["items"][0]["applied"] == api.ok("status")["revision"]
    put(api, second, fields=ANY)
    wait_shown(pki, port, second)
    put(api, other, "b")
    wait_shown(pki, port, other, "other.test")
    assert shown(pki, port) == fingerprint(second)
    assert api.call("deleteCertificate", name="a", fields=ANY).status == 204
    wait_shown(pki, port, None)
    assert shown(pki, port, "other.test") == fingerprint(other)
    plane.program.assert_healthy()


def test_requests_go_on_while_certificates_change(make, pki):
    origin = make.origin("one")
    origin.default = says("Cache-Control: max-age=1000", body=b"kept")
    plane, port = serve(make)
    plane.admin.ok("createDomain", control.domain(NAME, origin.address))
    put(plane.admin, pki.body(NAME))
    wait_until(lambda: shown(pki, port), "one is shown", SOON)
    context = ssl.create_default_context(cafile=pki.authority.path)
    with Client(("127.0.0.1", port), tls=context, name=NAME) as connection:
        for _ in range(5):
            body = pki.body(NAME)
            put(plane.admin, body, fields=ANY)
            wait_shown(pki, port, body)
            connection.request(host=NAME)
            assert connection.response().body == b"kept"


def test_an_edge_that_dies_is_followed_by_one_that_shows_them(make, pki):
    plane, port = serve(make)
    body = pki.body(NAME)
    put(plane.admin, body)
    wait_shown(pki, port, body)
    for pid in plane.program.edge_pids():
        os.kill(pid, signal.SIGKILL)
    wait_shown(pki, port, body, within=10)


def test_an_upgrade_shows_them_all_the_time(make, pki):
    plane, port = serve(make)
    body, other = pki.body(NAME), pki.body(NAME)
    put(plane.admin, body)
    wait_shown(pki, port, body)
    edges = plane.program.edge_pids()
    plane.program.signal(signal.SIGHUP)

    def is_replaced():
        assert shown(pki, port) == fingerprint(body)
        now = plane.program.edge_pids()
        return now and not set(now) & set(edges)

    wait_until(is_replaced, "another edge", 20)
    plane.wait_open()
    put(plane.admin, other, fields=ANY)
    wait_shown(pki, port, other)
    plane.program.assert_healthy()


def test_the_folder_and_the_control_plane_together(make, pki):
    folder = make.inside("folder")
    folder.mkdir(exist_ok=True)
    mine, body = pki.body("folder.test"), pki.body(NAME)
    (folder / "a.pem").write_text(mine["certificate"] + mine["key"])
    plane, port = serve(make, certificates=str(folder))
    put(plane.admin, body)
    wait_shown(pki, port, body)
    assert shown(pki, port, "folder.test") == fingerprint(mine)
    (folder / "a.pem").unlink()
    wait_shown(pki, port, None, "folder.test", 10)
    assert shown(pki, port) == fingerprint(body)


def edge_of(make, plane, name, **flags):
    """A `serve` that has its domains from another process, whose edge is another one."""
    flags = {"control": str(plane.state / "control.socket"), "edge_name": name, "listen_tls": "127.0.0.1:0", **flags}
    program = Headwater(make.inside(name), flags=flags, workers=2)
    make.closing.add(program, Headwater.stop)
    program.start()
    return program, tls_port(program)


def test_an_edge_that_starts_without_its_control_plane_shows_what_it_knew(make, pki):
    plane = control.Plane(make)
    program, port = edge_of(make, plane, "edge-1")
    body, other = pki.body(NAME), pki.body("other.test")
    put(plane.admin, body)
    wait_shown(pki, port, body)
    put(plane.admin, other, "b")
    wait_shown(pki, port, other, "other.test")
    program.stop()
    plane.program.stop()
    state = pathlib.Path(program.argv[program.argv.index("--state-dir") + 1])
    secret = body["key"].split("\n")[1].encode()
    keepers = [path for path in state.iterdir() if path.is_file() and secret in path.read_bytes()]
    assert keepers and all(path.stat().st_mode & 0o777 == 0o600 for path in keepers)
    since = len(program.lines)
    program.start()
    port = tls_port(program, since)
    # At once: it had them before it began to accept.
    assert shown(pki, port) == fingerprint(body) and shown(pki, port, "other.test") == fingerprint(other)
    # A domain that is gone meanwhile goes when the control plane is there again.
    plane.program.start()
    plane.find_address()
    plane.wait_open()
    api = control.Api(plane.address, dict(plane.admin.fields))
    assert api.call("deleteCertificate", name="a", fields=ANY).status == 204
    wait_shown(pki, port, None)
    assert shown(pki, port, "other.test") == fingerprint(other)


def test_an_edge_that_comes_later_is_told_all(make, pki):
    plane = control.Plane(make)
    bodies = {f"n{number}.test": pki.body(f"n{number}.test") for number in range(5)}
    for number, (name, body) in enumerate(bodies.items()):
        put(plane.admin, body, f"c{number}")
    plane.admin.call("deleteCertificate", name="c0", fields=ANY)
    ports = [edge_of(make, plane, name)[1] for name in ("edge-1", "edge-2")]
    for port in ports:
        wait_shown(pki, port, bodies["n4.test"], "n4.test")
        assert [shown(pki, port, name) == fingerprint(body) for name, body in bodies.items()] == [False] + [True] * 4


def test_where_a_file_manages_the_domains_they_are_changed_all_the_same(make, pki):
    origin = make.origin("one")
    plane = control.Plane(make, "serve", {"listen_tls": "127.0.0.1:0"}, domains=[control.domain(NAME, origin.address)])
    body = pki.body(NAME)
    port = tls_port(plane.program)
    put(plane.admin, body)
    wait_shown(pki, port, body)
    assert plane.admin.call("createDomain", control.domain("b.test")).problem == "managed-by-file"


def test_an_edge_warns_of_what_expires_soon(make, pki):
    plane, port = serve(make)
    body = pki.body(NAME, days=10)
    put(plane.admin, body)
    wait_shown(pki, port, body)
    plane.program.stop()
    plane.program.start()
    plane.program.wait_line(rf"certificate a of the control plane: the certificate for {NAME} expires in (9|10) days", 10)


# ---- the command ----


def test_the_command(plane, pki, tmp_path, name):
    body = pki.body(NAME)
    certificate, key = tmp_path / "a.pem", tmp_path / "a.key"
    token = tmp_path / "token"
    token.write_text(plane.admin.fields["Authorization"].removeprefix("Bearer "))

    def headwater(*words):
        return run(*words, "--api", f"http://{plane.address[0]}:{plane.address[1]}", "--token-file", token)

    certificate.write_text(body["certificate"])
    key.write_text(body["key"])
    files = ("--certificate", certificate, "--key", key)
    code, out, errors = headwater("certificate", "put", name, *files, "--dry-run")
    assert code == 0 and f"names: none -> {NAME}" in out, (out, errors)
    code, out, errors = headwater("certificate", "put", name, *files)
    assert code == 0 and re.fullmatch(rf"{name} is at revision \d+\n", out), (out, errors)
    code, out, errors = headwater("certificate", "put", name, *files)
    assert code == 0, errors
    code, out, errors = headwater("certificate", "list")
    assert code == 0 and re.search(rf"^{name} +ECDSA +\S+Z +9 +\d+ +{NAME}$", out, re.M), (out, errors)
    code, out, errors = headwater("certificate", "show", name)
    assert code == 0 and body["certificate"] in out and "PRIVATE" not in out and fingerprint(body) in out, (out, errors)
    code, out, errors = headwater("certificate", "put", name, *files, "--revision", "1")
    assert code != 0 and "changed" in errors, (out, errors)
    key.write_text(pki.body(NAME)["key"])
    code, out, errors = headwater("certificate", "put", name, *files)
    assert code != 0 and "is not the key of the certificate" in errors, (out, errors)
    code, out, errors = headwater("certificate", "put", name, "--certificate", tmp_path / "none", "--key", key)
    assert code != 0 and "none" in errors
    code, out, errors = headwater("certificate", "delete", name)
    assert (code, out) == (0, f"{name} is deleted\n"), errors
    code, out, errors = headwater("certificate", "show", name)
    assert code != 0 and "no certificate" in errors
    code, out, errors = headwater("history")
    assert code == 0 and "certificate.delete" in out
