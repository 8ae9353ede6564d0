"""HTTPS to origins: who is believed, what a failed handshake comes to, and that nothing is lost in TLS."""
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time

import content
import pytest
import wire
from certificates import Authority, server_context
from client import Client
from domains import SLACK, domain, origin_of
from nginx import free_port
from origin import Generated, Reply

pytestmark = pytest.mark.racing

NAME = "edge.test"
EXTENDED = {"origin_rules": "extended"}
ATTEMPT = 1 + 1 + 0.1  # connect_timeout + head_timeout + 100 ms


@pytest.fixture(scope="module")
def authority(make_once):
    return Authority(make_once.inside("ca"))


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue(NAME)


@pytest.fixture
def secure(make, certificate):
    """An origin in TLS with a good certificate."""
    return make.origin("secure", tls=server_context(certificate))


def https(server, authority=None, tls=(), **fields):
    """An origin asked in TLS; without an authority, by the system's."""
    tls = dict(tls)
    if authority is not None:
        tls["ca"] = str(authority.path)
    return origin_of(server, protocol="https", tls=tls, **fields)


def uncached(master, backup=None, **fields):
    return domain(master, backup, cache={"mode": "off"}, **fields)


def serve(make, master, backup=None, flags=(), **fields):
    return make.headwater([uncached(master, backup, **fields)], {**EXTENDED, **dict(flags)})


def attempts(server, path):
    return server.wait_log(path=path)[-1]["attempts"]


def test_a_good_certificate_is_believed(make, secure, authority):
    server = serve(make, https(secure, authority))
    answer = server.get("/a")
    assert (answer.status, answer.body) == (200, b"secure")
    assert secure.requests[0].fields.get("Host") == NAME
    assert secure.handshakes[0].selected_alpn_protocol() in (None, "http/1.1")
    assert "detail" not in attempts(server, "/a")[0]


# name -> (what the certificate is for, its days, whether the authority is trusted, the words, fields of tls)
REFUSED = {
    "another name": (["other.test"], 10, True, "hostname mismatch", {}),
    "expired": ([NAME], -1, True, "certificate has expired", {}),
    "an unknown authority": ([NAME], 10, False, "unable to get local issuer certificate", {}),
    "another server_name": ([NAME], 10, True, "hostname mismatch", {"server_name": "sub.edge.test"}),
    "no such address": ([NAME], 10, True, "IP address mismatch", {"server_name": "127.0.0.1"}),
    "a wildcard too wide": (["*.test"], 10, True, "hostname mismatch", {"server_name": "a.b.test"}),
}


@pytest.mark.parametrize("row", REFUSED)
def test_a_certificate_that_is_not_accepted_is_a_failure_with_its_reason(make, authority, tmp_path, row):
    names, days, is_trusted, words, tls = REFUSED[row]
    signer = authority if is_trusted else Authority(tmp_path / "stranger", "Stranger CA")
    origin = make.origin("master", tls=server_context(signer.issue(*names, days=days, label=f"bad-{row}".replace(" ", "-"))))
    server = serve(make, https(origin, authority, tls))
    answer = server.get("/a")
    assert (answer.status, answer.error) == (502, "tls_name")
    (attempt,) = attempts(server, "/a")
    assert (attempt["reason"], attempt["phase"], attempt["status"]) == ("tls_name", "connect", 0)
    assert words in attempt["detail"]
    assert not origin.requests


def test_a_revoked_certificate_is_not_accepted(make, authority, tmp_path):
    good, revoked = authority.issue(NAME, label="good"), authority.issue(NAME, label="revoked")
    path = tmp_path / "ca.pem"
    # Another authority, which has no list, is believed as well.
    other = Authority(tmp_path / "other", "Other CA")
    path.write_text(authority.path.read_text() + other.path.read_text() + authority.revoke(revoked))
    rows = [(good, None), (revoked, "tls_name"), (other.issue(NAME), None)]
    for certificate, fault in rows:
        origin = make.origin("master", tls=server_context(certificate))
        server = serve(make, https(origin, tls={"ca": str(path)}))
        assert server.get("/a").error == fault, certificate
        if fault:
            assert "certificate revoked" in attempts(server, "/a")[0]["detail"]
        server.stop()


def test_who_is_listed_is_trusted_whoever_signed_it(make, secure, certificate):
    """One certificate alone, which is no authority and did not sign itself."""
    server = serve(make, https(secure, tls={"ca": str(certificate)}))
    assert server.get("/a").body == b"secure"


def test_the_systems_authorities_do_not_know_ours(make, secure):
    server = serve(make, https(secure))
    assert server.get("/a").error == "tls_name"


def test_the_systems_authorities_may_be_named_by_the_environment(make, secure, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    server = serve(make, https(secure))
    assert server.get("/a").body == b"secure"


@pytest.mark.parametrize("row", REFUSED)
def test_without_verification_any_certificate_will_do(make, authority, row):
    names, days, _, _, tls = REFUSED[row]
    origin = make.origin("master", tls=server_context(authority.issue(*names, days=days, label=f"any-{row}".replace(" ", "-"))))
    server = serve(make, https(origin, tls={**tls, "verify": False}))
    assert server.get("/a").body == b"master"


def test_names_are_sent_and_verified(make, authority):
    """The server's name is that of `tls`, else of `host` without its port, else the domain; no address is sent."""
    seen = []
    context = server_context(authority.issue("a.test", "b.test", NAME, "127.0.0.1", "::1", label="many"))
    context.sni_callback = lambda _, name, __: seen.append(name)
    origin = make.origin("master", tls=context)
    rows = [
        ({"tls": {"server_name": "a.test"}, "host": "c.test"}, "a.test", "c.test"),
        ({"host": "b.test:8443"}, "b.test", "b.test:8443"),
        ({}, NAME, NAME),
        ({"tls": {"server_name": "127.0.0.1"}}, None, NAME),
        ({"tls": {"server_name": "::1"}}, None, NAME),
    ]
    for fields, name, host in rows:
        seen.clear()
        origin.forget()
        tls = {**fields.get("tls", {}), "ca": str(authority.path)}
        server = make.headwater([uncached(origin_of(origin, protocol="https", **{**fields, "tls": tls}))])
        assert server.get("/a").body == b"master", fields
        assert seen == [name] and origin.requests[0].fields.get("Host") == host
        server.stop()


def test_a_wildcard_domain_is_asked_for_by_the_name_of_each_host(make, authority):
    seen = []
    context = server_context(authority.issue("*.wild.test", label="wild"))
    context.sni_callback = lambda _, name, __: seen.append(name)
    origin = make.origin("master", tls=context)
    server = make.headwater([uncached(https(origin, authority), name="*.wild.test")])
    for host in ("a.wild.test", "b.wild.test", "a.wild.test", "b.wild.test:81"):
        assert server.get("/x", host=host).body == b"master"
    assert seen == ["a.wild.test", "b.wild.test"]
    assert server.get("/x", host="a.b.wild.test").error == "tls_name"


def test_a_client_certificate_is_shown_to_who_demands_one(make, authority, certificate, tmp_path):
    ours = authority.issue("us.test")
    stranger = Authority(tmp_path / "stranger").issue("us.test")
    apart = tmp_path / "apart.pem", tmp_path / "apart.key"
    head, key = ours.read_text().split("-----BEGIN PRIVATE KEY-----")
    apart[0].write_text(head)
    apart[1].write_text("-----BEGIN PRIVATE KEY-----" + key)
    for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = server_context(certificate, client_ca=authority.path, newest=newest)
        origin = make.origin("master", tls=context)
        rows = [
            ({"certificate": str(ours)}, None),
            ({"certificate": str(apart[0]), "key": str(apart[1])}, None),
            ({}, "tls_handshake"),
            ({"certificate": str(stranger)}, "tls_handshake"),
        ]
        for tls, fault in rows:
            server = serve(make, https(origin, authority, tls))
            answer = server.get("/a")
            assert answer.error == fault, (newest, tls)
            if fault is None:
                subject = dict(pair[0] for pair in origin.handshakes[-1].getpeercert()["subject"])
                assert subject["commonName"] == "us.test"
            else:
                assert "alert" in attempts(server, "/a")[0]["detail"]
            server.stop()


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_carry_bodies_both_ways(make, authority, certificate, newest):
    origin = make.origin("master", tls=server_context(certificate, newest=newest))
    server = serve(make, https(origin, authority))
    size = 20_000_000
    origin.on("/big", Reply(body=Generated("big", size)))
    origin.on("/chunked", Reply(body=Generated("chunked", 1_000_000), framing="chunked", trailers=(("X-T", "t"),)))
    with server.connect() as connection:
        connection.request(target="/big")
        answer = connection.response(keep=False)
        assert (answer.size, answer.digest) == (size, content.digest("big", size))
        connection.request(target="/chunked")
        assert connection.response(keep=False).digest == content.digest("chunked", 1_000_000)
        for count in (1, 16384, 16385, 3_000_000):
            connection.request("POST", "/echo", body=content.generate("up", 0, count))
            assert connection.response().status == 200
            assert origin.requests[-1].digest == content.digest("up", count), count
    assert origin.handshakes[0].version() == {771: "TLSv1.2", 772: "TLSv1.3"}[newest]
    assert len(origin.connections) <= 2


def test_connections_are_kept(make, secure, authority):
    server = serve(make, https(secure, authority))
    for number in range(20):
        assert server.get(f"/{number}").status == 200
    assert len(secure.connections) == 1
    assert attempts(server, "/19")[0]["reused"] is True


def test_an_idle_connection_that_ends_is_no_failure(make, secure, authority):
    server = serve(make, https(secure, authority))
    for how in ("close", "reset"):
        assert server.get("/a").status == 200
        secure.break_connections(how)
        time.sleep(0.1)
        assert server.get("/a").status == 200
    secure.on_reuse = "close"
    for _ in range(4):
        assert server.get("/b").status == 200


def nginx_of(make, certificate, more=""):
    return make.nginx(tls=certificate, more=more).start()


@pytest.mark.parametrize("protocol", ["TLSv1.2", "TLSv1.3"])
def test_sessions_are_used_again_for_fresh_connections(make, authority, certificate, protocol):
    more = f"ssl_protocols {protocol}; location = /s {{ return 200 \"$ssl_session_reused $ssl_protocol $ssl_server_name\"; }}"
    nginx = nginx_of(make, certificate, more)
    server = serve(make, https(nginx, authority, keepalive="0s"))
    seen = [server.get("/s").body.decode() for _ in range(5)]
    assert seen == [f". {protocol} {NAME}"] + [f"r {protocol} {NAME}"] * 4


def test_nginx_serves_files_through_tls(make, authority, certificate):
    nginx = nginx_of(make, certificate)
    body = content.generate("file", 0, 5_000_000)
    (nginx.files / "file.bin").write_bytes(body)
    server = serve(make, https(nginx, authority))
    answers = [server.get("/file.bin", keep=False) for _ in range(3)]
    assert {answer.digest for answer in answers} == {content.digest("file", len(body))}
    part = server.get("/file.bin", fields=[("Range", "bytes=1000000-1999999")])
    assert (part.status, part.body) == (206, body[1000000:2000000])
    put = server.ask("PUT", "/upload/new.bin", body=body)
    assert put.status == 201 and (nginx.files / "upload/new.bin").read_bytes() == body
    assert server.ask("PUT", "/upload/new.bin", body=body[:10]).status == 204


def test_domains_that_verify_do_not_get_connections_of_those_that_do_not(make, authority, tmp_path):
    stranger = Authority(tmp_path / "stranger")
    origin = make.origin("master", tls=server_context(stranger.issue("o.test")))
    shared = {"host": "o.test"}
    server = make.headwater([
        uncached(https(origin, tls={"verify": False}, **shared), name="loose.test"),
        uncached(https(origin, authority, **shared), name="strict.test"),
        uncached(https(origin, stranger, **shared), name="right.test"),
        uncached(https(origin, tls={"verify": False}, **shared), name="loose2.test"),
    ])  # fmt: skip
    for _ in range(2):
        assert server.get("/a", host="loose.test").status == 200
        assert server.get("/a", host="strict.test").error == "tls_name"
        assert server.get("/a", host="right.test").status == 200
        assert server.get("/a", host="loose2.test").status == 200
    assert len(origin.handshakes) == 2  # one that does not verify, for two domains, and one that does


def test_a_body_that_ends_without_goodbye_is_truncated(make, secure, authority):
    server = serve(make, https(secure, authority))
    secure.on("/close", Reply(body=b"x" * 50_000, framing="close"))
    assert server.get("/close").size == 50_000
    secure.break_connections()
    secure.farewell = False
    with pytest.raises(wire.Truncated):
        server.get("/close")
    log = server.wait_log(2, "/close")
    assert [line["attempts"][0]["reason"] for line in log] == ["none", "truncated"]
    # Where the length says that it is whole, it is.
    secure.on("/length", Reply(body=b"y" * 1000, keep=False))
    assert server.get("/length").size == 1000


@pytest.mark.parametrize("how", ["close", "reset"])
def test_an_origin_that_breaks_in_the_middle_of_a_body(make, secure, authority, how):
    server = serve(make, https(secure, authority))
    secure.on("/half", Reply(body=b"x" * 100000, cut="mid_body", cut_after=50000, how=how))
    with pytest.raises(wire.Truncated):
        server.get("/half")
    assert server.wait_log(path="/half")[0]["attempts"][0]["reason"] == "truncated"
    assert server.get("/whole").status == 200


def silent():
    """A server that accepts and says nothing."""
    sock = socket.create_server(("127.0.0.1", 0))
    kept = []
    threading.Thread(target=lambda: [kept.append(sock.accept()) for _ in range(100)], daemon=True).start()
    return sock, f"127.0.0.1:{sock.getsockname()[1]}"


def test_a_handshake_that_hangs_ends_within_connect_timeout(make, authority):
    sock, address = silent()
    backup = make.origin("backup")
    server = serve(make, https(address, authority), backup)
    begun = time.monotonic()
    assert server.get("/a").body == b"backup"
    assert 0.9 < time.monotonic() - begun < ATTEMPT + SLACK
    first, second = attempts(server, "/a")
    assert (first["reason"], first["phase"]) == ("connect_timeout", "connect")
    assert first["detail"] == "the TLS handshake was not done in time"
    assert second["reason"] == "none"
    sock.close()


def test_an_unsafe_request_fails_over_while_nothing_of_it_was_sent(make, authority, tmp_path):
    """Also when the master is not who it should be: nothing is told to strangers."""
    stranger = make.origin("stranger", tls=server_context(Authority(tmp_path / "stranger", "Stranger").issue(NAME)))
    sock, address = silent()
    backup = make.origin("backup")
    for master in (stranger, address):
        server = serve(make, https(master, authority), backup)
        backup.forget()
        body = content.generate("order", 0, 100000)
        assert server.ask("POST", "/order", body=body).body == b"backup"
        assert [request.digest for request in backup.requests] == [content.digest("order", len(body))]
        server.stop()
    assert not stranger.requests
    sock.close()


def test_a_handshake_that_hangs_is_a_timeout_without_a_backup(make, authority):
    sock, address = silent()
    server = serve(make, https(address, authority))
    assert server.get("/a").status == 504
    # TCP stood: the address is not what is wrong, so nothing of it is known to be.
    time.sleep(0.5)
    assert not [line for line in server.lines if "blocked" in line]
    sock.close()


def test_what_is_no_tls_is_a_failed_handshake(make, authority):
    plain, backup = make.nginx().start(), make.origin("backup")
    server = serve(make, https(plain, authority), backup)
    assert server.get("/a").body == b"backup"
    (attempt, _) = attempts(server, "/a")
    assert (attempt["reason"], attempt["detail"]) == ("tls_handshake", "TLS: wrong version number")


@pytest.mark.parametrize("how", ["close", "reset"])
def test_who_ends_in_the_handshake_fails_over(make, secure, authority, how):
    secure.at_accept = how
    backup = make.origin("backup")
    server = serve(make, https(secure, authority), backup)
    assert server.get("/a").body == b"backup"
    assert attempts(server, "/a")[0]["reason"] in ("tls_handshake", "connect_reset")


def test_both_origins_have_their_own_name_verification_and_protocol(make, authority, certificate):
    master = make.origin("master", tls=server_context(certificate))
    backup = make.origin("backup", tls=server_context(authority.issue("b.test")))
    server = serve(make, https(master, authority), https(backup, authority, {"server_name": "b.test"}))
    assert server.get("/a").body == b"master"
    master.default = Reply(status=503)
    assert server.get("/b").body == b"backup"
    assert [one["role"] for one in attempts(server, "/b")] == ["master", "backup"]


def test_an_https_server_is_no_origin_of_http(make, authority, certificate):
    nginx = nginx_of(make, certificate)
    server = serve(make, origin_of(nginx))
    assert server.get("/hello").status == 400  # what nginx says to that is an answer


def test_classic_rules_refuse_https_with_a_backup(make, secure, authority, origin):
    server = make.headwater([uncached(https(secure, authority))])
    server.write_domains([uncached(https(secure, authority), origin)])
    server.wait_line("R2: HTTPS origin-pull")
    assert server.get("/a").body == b"secure"


# ---- files ----


def test_a_file_that_cannot_be_used_is_told_and_tried_again(make, secure, authority, tmp_path):
    path = tmp_path / "later.pem"
    server = make.headwater([uncached(https(secure, tls={"ca": str(path)}))])
    server.wait_line(f"{path} No such file or directory")
    answer = server.get("/a")
    assert (answer.status, answer.error) == (503, "tls_file")
    path.write_text("no PEM")
    server.wait_line(f"{path} has no certificate", 10)
    path.write_text(authority.path.read_text())
    server.wait_line(f"{path} was read again", 10)
    assert server.get("/a").body == b"secure"


def test_a_changed_authority_ends_what_was_verified_by_the_old_one(make, secure, authority, tmp_path):
    path = tmp_path / "ca.pem"
    path.write_text(authority.path.read_text())
    server = make.headwater([uncached(https(secure, tls={"ca": str(path)}))])
    assert server.get("/a").body == b"secure"
    beside = tmp_path / "ca.new"
    beside.write_text(Authority(tmp_path / "other").path.read_text())
    beside.replace(path)
    server.wait_line(f"{path} was read again", 10)
    assert server.get("/b").error == "tls_name"
    assert len(secure.handshakes) == 1
    path.write_text("rubbish")
    server.wait_line(f"{path} has no certificate", 10)
    assert server.get("/c").error == "tls_name"


def test_a_bad_key_is_told(make, secure, authority, tmp_path):
    other = authority.issue("x.test"), authority.issue("y.test")
    server = make.headwater([uncached(https(secure, authority, {"certificate": str(other[0]), "key": str(other[1])}))])
    server.wait_line(f"{other[1]} has a private key that is not the certificate's")
    assert server.get("/a").error == "tls_file"


# ---- follow ----


def test_follow_is_the_clients_own_scheme(make, authority, certificate):
    plain = make.origin("plain")
    secure = make.origin("secure", host="127.0.0.2", port=plain.port, tls=server_context(certificate))
    master = origin_of(plain, protocol="follow", tls={"ca": str(authority.path)})
    server = make.headwater([uncached(master)], {"trusted_proxies": "127.0.0.1"})
    assert server.get("/a").body == b"plain"
    assert plain.requests[-1].fields.get("X-Forwarded-Proto") == "http"
    for scheme, error in (("https", "connect_timeout"), ("http", None), ("HTTPS, http", "connect_timeout")):
        answer = server.get("/b", fields=[("X-Forwarded-Proto", scheme)])
        assert answer.error == error, scheme
    plain.errors.clear()
    server.write_domains([uncached({**master, "addresses": [secure.address]})])
    server.wait_line("domains: .*revision")
    time.sleep(0.2)
    assert server.get("/c", fields=[("X-Forwarded-Proto", "https")]).body == b"secure"
    assert secure.requests[-1].fields.get("X-Forwarded-Proto") == "https"
    secure.errors.clear()


def test_a_client_in_tls_is_followed_in_tls(make, secure, authority, certificate):
    folder = make.inside("certificates")
    shutil.copy(certificate, folder)
    master = origin_of(secure, protocol="follow", tls={"ca": str(authority.path)})
    server = make.headwater([uncached(master, forwarding={"forwarded": True})],
                            {"listen_tls": "127.0.0.1:0", "certificates": str(folder)})  # fmt: skip
    port = int(re.search(r"TLS is on 127\.0\.0\.1:(\d+)", server.wait_line("TLS is on 127"))[1])
    context = ssl.create_default_context(cafile=authority.path)
    with Client(("127.0.0.1", port), tls=context, name=NAME) as connection:
        for number in range(2):
            connection.request(target=f"/{number}")
            assert connection.response().body == b"secure"
    assert secure.requests[-1].fields.get("X-Forwarded-Proto") == "https"
    assert secure.requests[-1].fields.get("Forwarded").endswith(";proto=https")
    assert len(secure.connections) == 1


def test_who_is_not_trusted_does_not_choose_the_scheme(make, authority):
    plain = make.origin("plain")
    server = make.headwater([uncached(origin_of(plain, protocol="follow", tls={"ca": str(authority.path)}))])
    assert server.get("/a", fields=[("X-Forwarded-Proto", "https")]).body == b"plain"


def test_the_schemes_of_follow_are_not_mixed_in_the_cache(make, authority, certificate):
    """An origin that sends clients of HTTP to HTTPS must not send those there as well."""
    port = free_port()
    plain = make.origin("plain", port=port)
    secure = make.origin("secure", host="127.0.0.2", port=port, tls=server_context(certificate))
    keep = (("Cache-Control", "max-age=60"),)
    plain.default = Reply(status=301, fields=(*keep, ("Location", f"https://{NAME}/")))
    secure.default = Reply(body=b"secure", fields=keep)
    ca = {"ca": str(authority.path)}
    one = domain(origin_of([plain, secure], protocol="follow", tls=ca))
    server = make.headwater([one], {"trusted_proxies": "127.0.0.1"})
    asked = [("X-Forwarded-Proto", "https")]
    assert server.get("/", fields=asked).body == b"secure"
    plain_answer = server.get("/")
    while plain_answer.status != 301:  # half of the addresses speak no HTTP
        plain_answer = server.get("/")
    for _ in range(3):
        again = server.get("/", fields=asked)
        assert (again.body, again.fields.get("X-Cache")) == (b"secure", "HIT")
        assert (server.get("/").status, server.get("/").fields.get("X-Cache")) == (301, "HIT")
    plain.errors.clear()
    secure.errors.clear()


# ---- probes ----


def test_probes_speak_tls_too(make, secure, authority, certificate, tmp_path):
    backup = make.origin("backup")
    probe = {"path": "/health", "interval": "1s", "timeout": "1s", "rise": 1, "fall": 2}
    server = serve(make, https(secure, authority, probe=probe), backup, {"block_time": "1s", "ramp_time": "1s"})
    end = time.monotonic() + 10
    while not secure.on_path("/health") and time.monotonic() < end:
        time.sleep(0.05)
    assert secure.on_path("/health")[0].fields.get("Host") == NAME
    assert server.get("/a").body == b"secure"
    # Another server stands there, with a name that is not its own.
    secure.tls = server_context(authority.issue("other.test"))
    server.wait_line(r"of edge.test: blocked.*\(tls_name\)", 15)
    assert server.get("/b").body == b"backup"
    secure.tls = server_context(certificate)
    server.wait_line("of edge.test: ready for a trial", 15)
    end = time.monotonic() + 10
    while server.get("/c").body != b"secure":
        assert time.monotonic() < end, server.text
        time.sleep(0.05)


# ---- servers that do odd things ----


class OpensslServer:
    """`openssl s_server`, whose console takes commands."""

    def __init__(self, certificate, *words):
        self.port = free_port()
        self.process = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{self.port}", "-cert", str(certificate), *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
        )  # fmt: skip
        self.said = b""
        threading.Thread(target=self._collect, daemon=True).start()
        self.wait(b"ACCEPT")
        self.address = f"127.0.0.1:{self.port}"

    def _collect(self):
        while data := self.process.stdout.read(65536):
            self.said += data

    def wait(self, words, timeout=10):
        end = time.monotonic() + timeout
        while words not in self.said:
            assert time.monotonic() < end and self.process.poll() is None, self.said
            time.sleep(0.02)

    def say(self, data):
        self.process.stdin.write(data)

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.mark.parametrize("version, order", [("-tls1_3", b"K\n"), ("-tls1_3", b"k\n"), ("-tls1_2", b"r\n")])
def test_new_keys_and_renegotiations_break_nothing(make, authority, certificate, version, order):
    """K asks for new keys of both sides, k renews its own; r negotiates anew."""
    openssl = make.closing.add(OpensslServer(certificate, version), OpensslServer.stop)
    server = serve(make, https(openssl, authority))
    for number in range(3):
        with server.connect() as connection:
            connection.request(target=f"/{number}")
            openssl.wait(b"GET /%d" % number)
            time.sleep(0.1)
            openssl.say(order)
            time.sleep(0.2)
            openssl.say(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nhello\r\n")
            assert connection.response().body == b"hello\r\n"
        if number == 1:  # while it is idle
            openssl.say(order)
            time.sleep(0.2)
    assert openssl.said.count(b"GET /") == 3
    assert [attempts(server, f"/{number}")[0]["reused"] for number in range(3)] == [False, True, True]
