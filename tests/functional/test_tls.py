"""TLS to clients: whose certificate is shown, what is spoken, what of a session is taken up, how it ends."""
import hashlib
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import content
import h2wire
import pytest
import wire
from caching import FRESH, STALE, Site, purge, says, wait_until, word
from certificates import Authority
from client import Client, exchange
from domains import domain, origin_of
from origin import Generated, Reply

pytestmark = pytest.mark.racing

MIB = 1 << 20
NAME = "edge.test"


class Secure(Site):
    """A Site with a listener of TLS, and a certificate for edge.test."""

    def __init__(self, make, flags=None, rules=None, **options):
        self.authority = Authority(make.inside("authority"))
        self.folder = make.inside("certificates")
        self.add(NAME, "*.wild.test")
        flags = {"listen_tls": "127.0.0.1:0", "certificates": str(self.folder), **(flags or {})}
        super().__init__(make, rules and {NAME: rules}, flags, **options)
        self.find_port()

    def add(self, *names, **options):
        shutil.copy(self.authority.issue(*names, **options), self.folder)

    def find_port(self, since=0):
        line = self.server.wait_line(r"TLS is on 127", since=since)
        self.port = int(re.search(r"TLS is on 127\.0\.0\.1:(\d+)", line)[1])

    def context(self, **options):
        context = ssl.create_default_context(cafile=self.authority.path)
        for name, value in options.items():
            setattr(context, name, value)
        return context

    def connect(self, name=NAME, context=None, **options):
        return Client(("127.0.0.1", self.port), tls=context or self.context(), name=name, **options)

    def secure_get(self, target, name=NAME, fields=(), method="GET", body=None):
        with self.connect(name) as connection:
            connection.request(method, target, fields=[*fields, ("Connection", "close")], body=body)
            response = connection.response(method)
            rest, ended = connection.end()
            assert not rest and ended == "fin", (rest, ended)
            return response

    def curl(self, *words, target="/", host=NAME):
        command = ["curl", "-sS", "--max-time", "20", "--cacert", str(self.authority.path),
                   "--resolve", f"{host}:{self.port}:127.0.0.1", *words, f"https://{host}:{self.port}{target}"]
        return subprocess.run(command, capture_output=True, timeout=30)

    def s_client(self, *words, name=NAME, input=b""):
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-CAfile", str(self.authority.path),
                   *(["-servername", name] if name else ["-noservername"]), *words]
        done = subprocess.run(command, input=input, capture_output=True, timeout=30)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


@pytest.fixture(name="site")
def _site(make):
    return Secure(make)


def test_a_request_and_its_answer(site):
    site.origin.default = says(FRESH, body=b"hello")
    first = site.secure_get("/a")
    again = site.secure_get("/a")
    assert (first.body, word(first), again.body, word(again)) == (b"hello", "MISS", b"hello", "HIT")


def test_the_origin_is_told_the_scheme(site):
    site.origin.default = says("Cache-Control: no-store")
    site.secure_get("/tls", fields=[("X-Forwarded-Proto", "http")])
    site.get("/plain", "X-Forwarded-Proto: https")
    told = {request.path: request.fields.get("X-Forwarded-Proto") for request in site.origin.requests}
    assert told == {"/tls": "https", "/plain": "http"}


def test_an_answer_that_varies_on_the_scheme_is_kept_for_each(site):
    """The origin is told it by us; an answer that sends HTTP to HTTPS is not one for who came with that."""
    site.origin.default = lambda request: (
        says(FRESH, "Vary: X-Forwarded-Proto", body=b"hello") if request.fields.get("X-Forwarded-Proto") == "https"
        else says(FRESH, "Vary: X-Forwarded-Proto", "Location: https://edge.test/a", status=301))  # fmt: skip
    for expected in ("MISS", "HIT"):
        plain, secure = site.get("/a"), site.secure_get("/a", fields=[("X-Forwarded-Proto", "http")])
        assert (plain.status, word(plain), secure.status, word(secure)) == (301, expected, 200, expected)


def by_scheme(http, https):
    """An origin that looks at X-Forwarded-Proto."""
    return lambda request: https if request.fields.get("X-Forwarded-Proto") == "https" else http


# What an origin has for clients of HTTP; those of HTTPS get the page.
OF_HTTP = {
    "a redirect to the same URL": says(FRESH, "Location: https://edge.test/a?b=c", status=301),
    "a redirect to another page": says(FRESH, "Location: https://edge.test/", status=302),
    "a redirect to another host": says(FRESH, "Location: https://www.edge.test/a", status=308),
    "a refusal": says(FRESH, status=403, body=b"HTTPS is required"),
    "a page with links of its own": says(FRESH, body=b"<script src=http://edge.test/x.js>"),
}


@pytest.mark.parametrize("row", OF_HTTP)
@pytest.mark.parametrize("is_secure_first", [False, True])
def test_what_an_origin_has_for_clients_of_one_scheme_the_others_do_not_get(site, row, is_secure_first):
    """RFC 9111 4: the target of a request has its scheme; RFC 9110 4.2.2: the two have nothing in common."""
    site.origin.default = by_scheme(OF_HTTP[row], says(FRESH, body=b"there"))
    for expected in ("MISS", "HIT"):
        for is_secure in (is_secure_first, not is_secure_first):
            response = (site.secure_get if is_secure else site.get)("/a?b=c")
            assert (word(response), response.status) == (expected, 200 if is_secure else OF_HTTP[row].status)
            assert response.body == (b"there" if is_secure else OF_HTTP[row].body)


SHARED = {"cache": {"scheme": "shared"}}


def test_one_object_for_both_where_the_operator_says_so(make):
    site = Secure(make, rules=SHARED)
    site.origin.default = says(FRESH, body=b"hello")
    assert [word(site.secure_get("/a")), word(site.get("/a", keep=False))] == ["MISS", "HIT"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("is_back", [False, True], ids=["to https", "to http"])
@pytest.mark.parametrize("target", ["/a?b=c#x", "/other", ""])
def test_who_is_sent_to_the_other_scheme_is_not_sent_in_a_circle(make, status, is_back, target):
    """Of one object for both: an answer that sends to the other scheme is none for who comes by that."""
    site = Secure(make, rules=SHARED)
    wanted, other = ("http", "https") if is_back else ("https", "http")
    there = says(FRESH, body=b"there")
    away = says(FRESH, f"Location: {wanted}://edge.test:{site.port}{target}", status=status)
    site.origin.default = by_scheme(there, away) if is_back else by_scheme(away, there)
    get = {"http": site.get, "https": site.secure_get}
    for _ in range(2):
        assert (get[other]("/a?b=c").status, get[other]("/a?b=c").status) == (status, status)
    for expected in ("MISS", "HIT"):
        response = get[wanted]("/a?b=c")
        assert (response.status, response.body, word(response)) == (200, b"there", expected)


@pytest.mark.parametrize("location", ["https://other.test/a", "/b", "http://edge.test/b"])
def test_other_redirects_are_remembered_for_both(make, location):
    site = Secure(make, rules=SHARED)
    site.origin.default = says(FRESH, f"Location: {location}", status=301)
    assert [word(response) for response in (site.get("/a"), site.get("/a"), site.secure_get("/a"))] == ["MISS", "HIT", "HIT"]


def rewrite(site, **rules):
    """Other rules for the domain, from now on."""
    lines = len(site.server.lines)
    site.server.write_domains([domain(origin_of(site.origin), **rules)])
    site.server.wait_line("domains", since=lines)


def test_what_was_kept_for_one_scheme_is_not_for_both_when_they_come_to_share(site):
    """A redirect to HTTPS that was kept for clients of HTTP would send the others in a circle."""
    site.origin.default = by_scheme(says(FRESH, "Location: https://edge.test/a", status=301), says(FRESH, body=b"there"))
    assert [word(site.get("/a")) for _ in range(2)] == ["MISS", "HIT"]
    rewrite(site, **SHARED)
    assert site.get("/a").status == 301
    assert [site.secure_get("/a").body for _ in range(2)] == [b"there"] * 2


# What makes a URL forgotten, whichever of the two it names.
FORGET = {
    **{f"a purge of {scheme}": lambda site, scheme=scheme: purge(site.server, "url", f"{scheme}://edge.test/a")
       for scheme in ("http", "https")},
    **{f"a purge of a prefix of {scheme}": lambda site, scheme=scheme: purge(site.server, "prefix", f"{scheme}://edge.test/")
       for scheme in ("http", "https")},
    "a purge of the domain": lambda site: purge(site.server, "domain", "edge.test"),
    "a purge of a tag": lambda site: purge(site.server, "tag", "red", of="edge.test"),
    "a write by HTTP": lambda site: site.ask("POST", "/a", body=b"x"),
    "a write by HTTPS": lambda site: site.secure_get("/a", method="POST", body=b"x"),
}  # fmt: skip


@pytest.mark.parametrize("row", FORGET)
@pytest.mark.parametrize("rules", [{}, SHARED], ids=["split", "shared"])
def test_what_makes_a_url_forgotten_does_so_for_both_schemes(make, row, rules):
    site = Secure(make, rules=rules)
    site.origin.default = says(FRESH, "Cache-Tag: red", body=b"x")
    get = (site.get, site.secure_get)
    for _ in range(2):
        assert [word(each("/a")) for each in get][0] in ("MISS", "HIT")
    FORGET[row](site)
    assert [word(each("/a")) for each in get] == (["MISS", "HIT"] if rules else ["MISS", "MISS"])


@pytest.mark.parametrize("row", ["a purge of http", "a purge of a prefix of https", "a write by HTTP"])
def test_what_was_forgotten_does_not_come_back_with_the_rule_that_it_was_kept_by(site, row):
    site.origin.default = lambda request: says(FRESH, body=str(request.number).encode())
    first = [get("/a").body for get in (site.get, site.secure_get)]
    rewrite(site, **SHARED)
    FORGET[row](site)
    rewrite(site)
    assert not set(first) & {get("/a").body for get in (site.get, site.secure_get)}


def test_who_validates_by_the_other_scheme_takes_nothing_away(make):
    site = Secure(make, rules=SHARED)
    site.origin.default = lambda request: (
        says(*STALE, 'ETag: "a"', body=b"there") if request.fields.get("X-Forwarded-Proto") == "https"
        else says(FRESH, "Location: https://edge.test/a", status=301))  # fmt: skip
    assert site.secure_get("/a").status == 200
    assert site.get("/a").status == 301
    site.origin.default = says(status=503)
    response = site.secure_get("/a")
    assert (response.body, word(response)) == (b"there", "STALE")


@pytest.mark.parametrize("line, is_gone", [
    ("Location: https://edge.test/other", True),
    ("Content-Location: HTTPS://EDGE.test:443/other", True),
    ("Location: //edge.test/other", True),
    ("Location: /other", True),
    ("Location: http://edge.test/other", False),
    ("Location: https://edge.test:8443/other", False),
    ("Location: https://other.test/other", False),
])  # fmt: skip
def test_a_write_invalidates_what_it_refers_to_at_its_own_scheme_and_authority(site, line, is_gone):
    """RFC 9111 4.4: the origin of what is invalidated is that of the request."""
    site.origin.default = lambda request: says(FRESH, body=b"x") if request.method == "GET" else says(line, status=201)
    for target in ("/a", "/other"):
        site.secure_get(target)
    assert site.secure_get("/a", method="POST", body=b"x").status == 201
    assert [word(site.secure_get(target)) for target in ("/a", "/other")] == ["MISS", "MISS" if is_gone else "HIT"]


@pytest.mark.parametrize("size", [0, 1, 300, 4096, 16000, 16384, 40000, 100_000, 3 * MIB])
def test_bodies_of_every_size(site, size):
    site.origin.default = says(FRESH, body=Generated("tls", size))
    digest = content.digest("tls", size)
    assert [site.secure_get("/b").digest for _ in range(3)] == [digest] * 3
    with site.connect() as connection:
        for _ in range(5):
            connection.request(target="/b")
            assert connection.response().digest == digest


def test_what_is_chunked_or_without_a_length(site):
    body = content.generate("chunks", 0, 200_000)
    for framing in ("chunked", "close"):
        site.origin.on(f"/{framing}", says("Cache-Control: no-store", body=body, framing=framing))
        assert site.secure_get(f"/{framing}").body == body


def test_bodies_of_requests(site):
    site.origin.default = Reply(body=lambda request: request.digest.encode())
    for size in (0, 1, 5000, 70_000, 2 * MIB):
        body = content.generate("up", 0, size)
        assert site.secure_get("/up", method="POST", body=body).body.decode() == content.digest("up", size)


def test_requests_in_a_pipe(site):
    site.origin.default = lambda request: says(FRESH, body=request.path.encode())
    with site.connect() as connection:
        connection.send(b"".join(f"GET /{n} HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode() for n in range(50)))
        assert [connection.response().body for _ in range(50)] == [f"/{n}".encode() for n in range(50)]


def test_a_slow_reader_gets_all_of_it(site):
    size = 8 * MIB
    site.origin.default = says(FRESH, body=Generated("slow", size))
    for _ in range(2):
        with site.connect(receive_buffer=4096, timeout=40) as connection:
            connection.request(target="/slow")
            response = connection.response(keep=False, pause=lambda: time.sleep(0.002))
            assert response.digest == content.digest("slow", size)


def test_a_broken_body_does_not_look_whole(site):
    """What only its end would end is cut by a reset, and never by TLS's word for an end."""
    body = content.generate("cut", 0, 300_000)
    for framing in ("close", "chunked", "length"):
        reply = Reply(body=body, framing=framing, cut="mid_body", cut_after=100_000, how="reset")
        site.origin.on(f"/{framing}", reply)
        with site.connect() as connection:
            connection.request(target=f"/{framing}", fields=[("Connection", "close")], version="1.0")
            with pytest.raises(wire.Truncated) as broken:
                connection.response(keep=False)
            assert broken.value.how == "rst"


def test_names_choose_the_certificate(site):
    for name in (NAME, "a.wild.test"):
        with site.connect(name) as connection:
            names = connection.sock.getpeercert()["subjectAltName"]
            assert ("DNS", NAME) in names
    for name in ("stranger.test", "a.b.wild.test", "wild.test"):
        with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
            site.connect(name)
    code, said = site.s_client(name=None)
    assert code != 0 and "unrecognized name" in said
    site.server.assert_healthy()


def test_a_fallback_for_strangers(make):
    site = Secure(make, {"tls_fallback": NAME})
    lenient = site.context(check_hostname=False)
    with site.connect("stranger.test", lenient) as connection:
        assert ("DNS", NAME) in connection.sock.getpeercert()["subjectAltName"]
        connection.request(target="/", host="stranger.test")
        assert connection.response().error == "unknown_host"
    code, said = site.s_client(name=None, input=b"GET / HTTP/1.0\r\n\r\n")
    assert "CN = edge.test" in said, said


def test_both_kinds_for_one_name(make):
    site = Secure(make)
    rsa = site.folder / "rsa.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "5", "-subj", "/CN=rsa",
                    "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(rsa) + ".key", "-out", str(rsa)],
                   check=True, capture_output=True)
    site.server.wait_line("2 of .* are shown", 20)
    for algorithm, wanted in (("ECDSA", "id-ecPublicKey"), ("RSA", "rsaEncryption")):
        _, said = site.s_client("-tls1_2", "-cipher", f"ECDHE-{algorithm}-AES128-GCM-SHA256")
        pem = said[said.index("-----BEGIN CERT") : said.index("-----END CERT")] + "-----END CERTIFICATE-----\n"
        text = subprocess.run(["openssl", "x509", "-noout", "-text"], input=pem, capture_output=True, text=True).stdout
        assert wanted in text


def test_old_versions_and_suites_are_refused(site):
    for words in (["-tls1_1"], ["-tls1"], ["-tls1_2", "-cipher", "AES128-SHA"],
                  ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"]):
        code, said = site.s_client(*words, "-legacy_server_connect", input=b"")
        assert "Cipher is (NONE)" in said, said
    for words in (["-tls1_2"], ["-tls1_3"]):
        _, said = site.s_client(*words, input=b"GET / HTTP/1.0\r\n\r\n")
        assert "Verify return code: 0 (ok)" in said
    site.server.assert_healthy()


def test_only_the_modern_profile(make):
    site = Secure(make, {"tls_profile": "modern"})
    _, said = site.s_client("-tls1_2")
    assert "Cipher is (NONE)" in said
    assert site.curl("-o", "/dev/null", "--tlsv1.3").returncode == 0


def test_renegotiation_is_refused_and_keys_may_be_updated(site):
    site.origin.default = says(FRESH, body=b"x")
    _, said = site.s_client("-tls1_2", input=b"R\n")
    assert "no renegotiation" in said.lower(), said
    ask = f"GET /k HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode()
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{site.port}", "-servername", NAME, "-tls1_3"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in (b"K\n", b"k\n", ask):
            time.sleep(0.3)
            process.stdin.write(line)
            process.stdin.flush()
        said = process.stdout.read()
        process.stdin.close()
    assert b"HTTP/1.1 200" in said and b"KEYUPDATE" in said


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_sessions_are_taken_up_by_the_next_edge(make, version):
    """Tickets outlive workers, an upgrade, and an edge that died."""
    site = Secure(make, workers=2)
    site.origin.default = says(FRESH, body=b"x")
    context = site.context(maximum_version={"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version])

    def visit(session=None):
        raw = socket.create_connection(("127.0.0.1", site.port), timeout=10)
        with context.wrap_socket(raw, server_hostname=NAME, session=session) as sock:
            sock.sendall(f"GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
            while sock.recv(65536):
                pass
            return sock.session, sock.session_reused

    session, is_reused = visit()
    assert not is_reused
    assert [visit(session)[1] for _ in range(8)] == [True] * 8
    before = site.server.edge_pids()
    since = len(site.server.lines)
    os.kill(before[0], signal.SIGKILL)
    site.server.is_broken_fine = True
    site.server.wait_line("serves", since=since)
    assert visit(session)[1]
    since = len(site.server.lines)
    site.server.signal(signal.SIGHUP)
    wait_until(lambda: site.server.edge_pids() and site.server.edge_pids()[0] not in before, "another edge", 20)
    site.server.wait_line("ready|serves", since=since, timeout=20)
    assert visit(session)[1]


def test_certificates_are_taken_up_and_nobody_is_dropped(site):
    size = 4 * MIB
    site.origin.default = says(FRESH, body=Generated("reload", size))
    site.secure_get("/warm")
    with site.connect(receive_buffer=4096, timeout=60) as reader:
        reader.request(target="/warm")
        with site.connect() as idle:
            site.add("new.test")
            site.server.wait_line("2 of .* are shown", 20)
            with site.connect("new.test"):
                pass
            (site.folder / "edge.test.pem").unlink()
            site.server.wait_line("certificates: 1 of .* are shown", 20, since=len(site.server.lines) - 1)
            with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
                site.connect(NAME)
            idle.request(target="/warm")
            assert idle.response().digest == content.digest("reload", size)
        assert reader.response(keep=False).digest == content.digest("reload", size)


def test_what_is_of_no_use_is_told_and_the_rest_is_shown(site):
    (site.folder / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (site.folder / "chain.pem").write_text(pathlib.Path(site.authority.path).read_text())
    site.add("old.test", days=-1)
    site.server.wait_line("broken.pem has a certificate that cannot be read")
    site.server.wait_line("old.test.*has expired")
    assert site.secure_get("/").status


def test_without_certificates_it_is_told(make):
    folder = make.inside("empty")
    site = Site(make, flags={"listen_tls": "127.0.0.1:0", "certificates": str(folder)})
    site.server.wait_line("no client can connect by TLS")
    assert site.get("/", keep=False).status


def test_handshakes_that_hang_end_in_their_time(make):
    site = Secure(make, {"tls_timeout": "1s"})
    begun = time.monotonic()
    hello = bytes.fromhex("1603010200010001fc0303")
    socks = []
    for sent in (b"", hello, b"GET / HTTP/1.1\r\n\r\n"):
        sock = socket.create_connection(("127.0.0.1", site.port), timeout=10)
        sock.sendall(sent)
        socks.append(sock)
    for sock in socks:
        try:
            while sock.recv(1000):
                pass
        except ConnectionResetError:
            pass
        sock.close()
    assert time.monotonic() - begun < 5
    assert site.secure_get("/").status
    reasons = [line["fault"] for line in site.server.wait_log(3) if line["fault"] == "client_tls"]
    assert len(reasons) >= 2


def test_garbage_is_an_alert_and_no_harm(site):
    for data in (bytes(3000), os.urandom(3000), b"\x16\x03\x01\xff\xff" + os.urandom(5000), b"\x80\x2e\x01\x00\x02"):
        with Client(("127.0.0.1", site.port)) as connection:
            connection.send(data)
            connection.end()
    assert site.secure_get("/").status
    site.server.assert_healthy()


def test_behind_a_proxy_header(make):
    site = Secure(make, {"proxy_protocol": "on", "trusted_proxies": "127.0.0.1/32"})
    site.origin.default = says("Cache-Control: no-store", body=b"x")
    header = b"PROXY TCP4 192.0.2.7 192.0.2.8 5000 443\r\n"
    with site.connect(first=header) as connection:
        connection.request(target="/p")
        assert connection.response().body == b"x"
    # In one segment with the client's hello, or in pieces.
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = site.context().wrap_bio(incoming, outgoing, server_hostname=NAME)
    sock = socket.create_connection(("127.0.0.1", site.port), timeout=10)
    first = header
    for step in (tls.do_handshake, lambda: tls.write(f"GET /q HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode()), tls.read):
        while True:
            try:
                result = step()
                break
            except ssl.SSLWantReadError:
                sock.sendall(first + outgoing.read())
                first = b""
                incoming.write(sock.recv(65536))
        if outgoing.pending:
            sock.sendall(outgoing.read())
    assert b" 200 " in result
    sock.close()
    assert [request.fields.get("X-Forwarded-For") for request in site.origin.requests] == ["192.0.2.7"] * 2


def test_a_request_whose_answer_waits_behind_a_full_socket(site):
    """Ciphertext that the socket did not take goes on when it does, also when nothing else happens."""
    size = 2 * MIB
    gate = threading.Event()

    def body():
        yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nCache-Control: no-store\r\n\r\n" % size
        yield content.generate("gate", 0, size // 2)
        gate.wait(10)
        yield content.generate("gate", size // 2, size // 2)

    site.origin.default = Reply(raw=body)
    with site.connect(receive_buffer=4096, timeout=30) as connection:
        connection.request(target="/gate")
        time.sleep(0.5)
        threading.Timer(1.0, gate.set).start()
        assert connection.response(keep=False).digest == content.digest("gate", size)


def test_clients_that_leave(site):
    site.origin.default = says(FRESH, body=Generated("leave", 4 * MIB))
    for number in range(30):
        connection = site.connect(receive_buffer=4096)
        connection.request(target="/leave")
        if number % 3 == 0:
            connection.sock.recv(1000)
        if number % 2:
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    assert site.secure_get("/leave").digest == content.digest("leave", 4 * MIB)
    site.server.assert_healthy()


def test_redirects_and_hsts(make):
    rules = {"https": {"redirect": "301", "hsts": "365d", "hsts_subdomains": True}}
    site = Secure(make, rules=rules)
    site.origin.on("/a", says(FRESH, "Strict-Transport-Security: max-age=1", body=b"x"))
    site.origin.on("/pass", says("Cache-Control: no-store", "Strict-Transport-Security: max-age=1", body=b"x"))
    told = "max-age=31536000; includeSubDomains"
    for path in ("/a", "/a", "/pass"):
        assert site.secure_get(path).fields.get("Strict-Transport-Security") == told
    # A trusted proxy has taken the TLS off.
    plain = site.get("/a?b=c", keep=False)
    assert (plain.status, plain.fields.get("Location")) == (301, f"https://{NAME}/a?b=c")
    assert "Strict-Transport-Security" not in plain.fields
    assert len(site.origin.requests) == 2


# How one asks, and where one is sent; None: nowhere.
REDIRECTED = {
    "a port": (b"GET /a HTTP/1.1\r\nHost: edge.test:8080\r\n\r\n", "/a"),
    "large letters and a dot": (b"GET /a HTTP/1.1\r\nHost: EDGE.test.\r\n\r\n", "/a"),
    "absolute": (b"GET http://edge.test:81/a?b HTTP/1.1\r\nHost: edge.test:81\r\n\r\n", "/a?b"),
    "what looks like another host": (b"GET //other.test/a HTTP/1.1\r\nHost: edge.test\r\n\r\n", "//other.test/a"),
    "backslashes": (b"GET /\\other.test HTTP/1.1\r\nHost: edge.test\r\n\r\n", "/\\other.test"),
    "an encoded line": (b"GET /%0d%0aX:%20y HTTP/1.1\r\nHost: edge.test\r\n\r\n", "/%0d%0aX:%20y"),
    "an empty query": (b"GET /? HTTP/1.1\r\nHost: edge.test\r\n\r\n", "/?"),
    "the server": (b"OPTIONS * HTTP/1.1\r\nHost: edge.test\r\n\r\n", "/"),
    "a body": (b"POST /a HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 5\r\n\r\nhello", "/a"),
    "a chunked body": (b"PUT /a HTTP/1.1\r\nHost: edge.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "/a"),
    "an upgrade": (b"GET /a HTTP/1.1\r\nHost: edge.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "/a"),
    "version 1.0": (b"GET /a HTTP/1.0\r\nHost: edge.test\r\n\r\n", "/a"),
    "an IPv6 address": (b"GET /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", None),
    "an IPv4 address": (b"GET /a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", None),
    "no host": (b"GET /a HTTP/1.0\r\n\r\n", None),
}  # fmt: skip


@pytest.fixture(scope="module", name="sender")
def _sender(make_once):
    return Secure(make_once, rules={"https": {"redirect": "307", "hsts": "1d"}, "upgrade": {"protocols": ["websocket"]}})


@pytest.mark.parametrize("row", REDIRECTED)
def test_whoever_comes_without_tls_is_sent_to_the_same_place(sender, row):
    request, target = REDIRECTED[row]
    with Client(sender.server.address) as connection:
        connection.send(request)
        response = connection.response()
        if target is None:
            assert response.status in (400, 421) and "Location" not in response.fields
            return
        assert (response.status, response.fields.get("Location")) == (307, f"https://{NAME}{target}")
        assert "Strict-Transport-Security" not in response.fields and response.body == b""
        if b"hello" in request:  # nobody reads it
            assert response.fields.get("Connection") == "close" and connection.end()[1] == "fin"
        elif b"HTTP/1.0" not in request:
            connection.request(target="/next")
            assert connection.response().fields.get("Location") == f"https://{NAME}/next"
    assert not sender.origin.requests


def test_who_speaks_http2_without_tls_is_sent_away_too(sender):
    with h2wire.Connection(sender.server.address) as connection:
        response = connection.get("/a?b", host=f"{NAME}:8080")
        assert response.status == 307 and response.fields["location"] == f"https://{NAME}/a?b"
        assert "strict-transport-security" not in response.fields


def test_a_wildcard_sends_each_host_to_itself(make):
    site = Site(make, {"*.wild.test": {"https": {"redirect": "301"}}})
    assert site.get("/a", host="A.wild.test:80", keep=False).fields.get("Location") == "https://a.wild.test/a"


def test_hsts_is_said_with_every_status(make):
    """RFC 6797 section 7.1: also with what is not fine, and with what comes out of the cache."""
    site = Secure(make, rules={"https": {"hsts": "1d"}})
    site.origin.on("/ok", says(FRESH, 'ETag: "a"', body=b"0123456789"))
    site.origin.on("/absent", says("Cache-Control: no-store", status=404))
    site.origin.on("/moved", says("Location: /ok", status=302))
    site.secure_get("/ok")
    rows = [("/ok", (), 200), ("/ok", [("If-None-Match", '"a"')], 304), ("/ok", [("Range", "bytes=0-1")], 206),
            ("/ok", [("Range", "bytes=90-")], 416), ("/absent", (), 404), ("/moved", (), 302)]  # fmt: skip
    for path, fields, status in rows:
        response = site.secure_get(path, fields=fields)
        assert (response.status, response.fields.all("Strict-Transport-Security")) == (status, ["max-age=86400"])
    site.origin.down()
    for target, status in (("/nobody", 502), ("/\x80", 400)):
        response = site.secure_get(target)
        expected = ["max-age=86400"] if status == 502 else []  # of a request that is none, nobody knows the domain
        assert (response.status, response.fields.all("Strict-Transport-Security")) == (status, expected)
    assert "Strict-Transport-Security" not in site.get("/nobody", keep=False).fields


def test_what_a_trusted_proxy_says_of_the_scheme(make):
    site = Secure(make, {"trusted_proxies": "127.0.0.1/32"}, {"https": {"redirect": "308", "hsts": "1d"}})
    site.origin.default = says(FRESH, body=b"x")
    said = site.get("/p", "X-Forwarded-Proto: https", keep=False)
    assert (said.status, said.fields.get("Strict-Transport-Security")) == (200, "max-age=86400")
    assert site.get("/p", keep=False).status == 308


def test_rules_win_over_hsts(make):
    rules = {"https": {"hsts": "1d"}, "headers": {"to_client": ["set Strict-Transport-Security: max-age=7", "add X-A: b"]}}
    site = Secure(make, rules=rules)
    site.origin.default = says(FRESH, body=b"x")
    response = site.secure_get("/")
    assert response.fields.get("Strict-Transport-Security") == "max-age=7" and response.fields.get("X-A") == "b"


def test_challenges_of_acme(make):
    """As certbot's webroot has it: <webroot>/.well-known/acme-challenge is acme_dir."""
    folder = make.inside("challenges")
    site = Secure(make, {"acme_dir": str(folder)}, {"https": {"redirect": "301"}})
    token, answer = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", b"LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0.9jg46WB3r"
    path = f"/.well-known/acme-challenge/{token}"
    assert site.get(path, keep=False).status == 301
    (folder / token).write_bytes(answer)
    for host in (NAME, "new.test", "127.0.0.1"):
        response = site.get(path, host=host)
        assert (response.status, response.body) == (200, answer)
    assert site.secure_get(path).body == answer
    (folder / token).unlink()
    assert site.get(path, host="new.test", keep=False).error == "unknown_host"
    assert not site.origin.requests


def test_handshakes_are_counted(make):
    site = Secure(make, {"metrics": "127.0.0.1:0"}, workers=1)
    line = site.server.wait_line(r"metrics are on 127")
    metrics = re.search(r"metrics are on ([\d.]+):(\d+)", line)
    context = site.context()
    session = None
    for _ in range(3):
        raw = socket.create_connection(("127.0.0.1", site.port), timeout=10)
        with context.wrap_socket(raw, server_hostname=NAME, session=session) as sock:
            sock.sendall(f"GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
            while sock.recv(65536):
                pass
            session = session or sock.session
    with pytest.raises(ssl.SSLError):
        site.connect("stranger.test")

    def counted():
        told = exchange((metrics[1], int(metrics[2])), target="/metrics", host="127.0.0.1").body.decode()
        return dict(re.findall(r"^headwater_edge_tls_handshakes_(\w+)_total (\d+)", told, flags=re.M))

    wait_until(lambda: counted() == {"full": "1", "resumed": "2", "failed": "1"}, "all four are counted")


def test_curl(site):
    site.origin.default = says(FRESH, body=Generated("curl", 100_000))
    done = site.curl("--http1.1", target="/c")
    assert done.returncode == 0 and hashlib.sha256(done.stdout).hexdigest() == content.digest("curl", 100_000)
    assert site.curl(host="other.test").returncode != 0
