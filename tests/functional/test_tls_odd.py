"""Odd clients of TLS, and certificates that are not as they should be: whoever comes the right way is served meanwhile."""
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import time

import pytest
from caching import FRESH, says, wait_until
from test_tls import NAME, Secure

pytestmark = pytest.mark.racing

PAGE = b"GET /a HTTP/1.1\r\nHost: edge.test\r\nConnection: close\r\n\r\n"


@pytest.fixture(name="site", scope="module")
def _site(make_once):
    site = Secure(make_once)
    site.origin.default = says(FRESH, body=b"hello")
    return site


def kinds_shown(site, name=NAME):
    """The kinds of the keys that a client of TLS 1.2 is shown for a name, who insists on each; None: none."""
    shown = {}
    for kind in ("ECDSA", "RSA"):
        _, said = site.s_client("-tls1_2", "-cipher", f"ECDHE-{kind}-AES128-GCM-SHA256", name=name)
        found = re.search(r"Peer signature type: (\w+)", said)
        shown[kind] = found[1] if found else None
    return shown


def serial_shown(site, name=NAME):
    with site.connect(name, site.context(check_hostname=False, verify_mode=ssl.CERT_REQUIRED)) as connection:
        return connection.sock.getpeercert()["serialNumber"]


# ---- odd clients ----

# Options of s_client, or a name, and what it says then.
ODD = {
    "a share of keys that has to be asked for anew": (["-tls1_3", "-groups", "P-521:P-384"], "Server Temp Key: ECDH, (secp384r1|prime384v1|P-384)"),
    "no share that is known": (["-tls1_3", "-groups", "P-521"], r"Cipher is \(NONE\)"),
    "a suite that nobody has": (["-tls1_2", "-cipher", "AES256-SHA", "-legacy_server_connect"], r"Cipher is \(NONE\)"),
    "no tickets": (["-tls1_2", "-no_ticket"], "Verification: OK"),
    "one byte in a fragment": (["-tls1_2", "-max_send_frag", "512", "-split_send_frag", "512"], "Verification: OK"),
    "short records asked for": (["-tls1_3", "-maxfraglen", "512"], "Verification: OK"),
    "curves of old": (["-tls1_2", "-curves", "prime256v1"], "Server Temp Key: ECDH, prime256v1"),
    "all algorithms of signatures but ours": (["-tls1_2", "-sigalgs", "RSA+SHA1"], r"Cipher is \(NONE\)"),
    "an unknown protocol": (["-alpn", "acme-tls/1"], "no application protocol"),
    "several protocols": (["-alpn", "spdy/3,http/1.1"], "ALPN protocol: http/1.1"),
    "large letters": (["EDGE.TEST"], "Verification: OK"),
    "a dot behind the name": (["edge.test."], "Verification: OK"),
    "an address for a name": (["127.0.0.1"], "unrecognized name"),
    "no name that could be": (["a" * 250], "unrecognized name"),
    "a star for a name": (["*.wild.test"], "unrecognized name"),
}  # fmt: skip


@pytest.mark.parametrize("row", ODD)
def test_odd_clients_have_their_answer(site, row):
    words, wanted = ODD[row]
    _, said = site.s_client(*words) if words[0].startswith("-") else site.s_client(name=words[0])
    assert re.search(wanted, said), said
    with site.connect() as connection:
        connection.send(PAGE)
        assert connection.response().body == b"hello"


def test_short_records_carry_a_whole_page(site):
    size = 200_000
    site.origin.on("/large", says(FRESH, body=b"x" * size))
    for words in (["-tls1_2"], ["-tls1_3"]):
        command = ["openssl", "s_client", "-quiet", "-no_ign_eof", "-connect", f"127.0.0.1:{site.port}", "-servername", NAME,
                   "-maxfraglen", "512", *words]  # fmt: skip
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            process.stdin.write(PAGE.replace(b"/a", b"/large"))
            process.stdin.flush()
            said = process.stdout.read()
            process.stdin.close()
        head, _, body = said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200") and body == b"x" * size


def test_who_dawdles_in_the_handshake_has_no_more_time(make):
    """A byte now and then does not keep it open: the time is that of the whole handshake."""
    site = Secure(make, {"tls_timeout": "1s"})
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = site.context().wrap_bio(incoming, outgoing, server_hostname=NAME)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = outgoing.read()
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as sock:
        for byte in hello[:60]:
            try:
                sock.sendall(bytes([byte]))
            except (BrokenPipeError, ConnectionResetError):
                break
            time.sleep(0.1)
        else:
            pytest.fail("it was listened to all the time")
    assert time.monotonic() - begun < 5
    assert site.server.wait_log(1)[0]["fault"] == "client_tls"


def test_handshakes_at_a_time_are_few(make):
    """Those beyond are closed at once, and those who come when there is room again are served."""
    site = Secure(make, {"tls_timeout": "30s", "connections_per_address": "5000"}, workers=1)
    site.origin.default = says(FRESH, body=b"hello")
    limit = 1024
    socks = [socket.create_connection(("127.0.0.1", site.port), timeout=10) for _ in range(limit)]
    for sock in socks:
        sock.sendall(b"\x16")
    wait_until(lambda: is_refused(site), "one more is closed")
    for sock in socks:
        sock.close()

    def is_served():
        try:
            return site.secure_get("/a").body == b"hello"
        except (OSError, ssl.SSLError):
            return False

    wait_until(is_served, "there is room again")
    assert "overload" in {line["fault"] for line in site.server.wait_log(limit)}


def is_refused(site):
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as sock:
        sock.settimeout(0.5)
        try:
            sock.sendall(b"\x16")
            return sock.recv(1) == b""
        except TimeoutError:
            return False
        except ConnectionResetError:
            return True


# ---- sessions ----


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_session_is_no_way_past_a_certificate_that_is_gone(make, version):
    site = Secure(make)
    site.add("other.test")
    site.server.wait_line("2 of .* are shown")
    newest = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    context = site.context(maximum_version=newest, check_hostname=False)

    def visit(name, session=None):
        raw = socket.create_connection(("127.0.0.1", site.port), timeout=10)
        with context.wrap_socket(raw, server_hostname=name, session=session) as sock:
            sock.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
            while sock.recv(65536):
                pass
            return sock.session, sock.session_reused

    session, _ = visit("other.test")
    assert visit("other.test", session)[1]
    if version == "1.3":  # of 1.2 OpenSSL goes by the name that the session has
        with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
            visit("stranger.test", session)
    (site.folder / "other.test.pem").unlink()
    site.server.wait_line("certificates: 1 of .* are shown", 20, since=len(site.server.lines) - 1)
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        visit("other.test", session)


# ---- certificates ----


def test_a_weak_key_does_no_harm_to_a_good_one(make):
    """No client would believe it, and OpenSSL does not show it."""
    site = Secure(make)
    site.add(NAME, label="weak", key="rsa:1024")
    site.server.wait_line("weak.pem.*cannot be shown.*too weak", 20)
    assert kinds_shown(site) == {"ECDSA": "ECDSA", "RSA": None}
    assert site.secure_get("/").status


def test_a_kind_of_key_that_browsers_do_not_know_takes_nobodys_place(make):
    site = Secure(make)
    before = serial_shown(site)
    time.sleep(1.1)  # so that it is the newer one
    folder = make.inside("strange")
    for label, algorithm in (("ed", "ed25519"), ("pss", "rsa-pss")):
        request, key, made = folder / f"{label}.csr", folder / f"{label}.key", folder / f"{label}.crt"
        subprocess.run(["openssl", "req", "-new", "-newkey", algorithm, "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=x"],
                       check=True, capture_output=True)  # fmt: skip
        config = folder / "names"
        config.write_text(f"subjectAltName=DNS:{NAME}\n")
        subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", site.authority.path, "-CAkey", site.authority.key,
                        "-CAcreateserial", "-days", "10", "-extfile", config, "-out", made], check=True, capture_output=True)  # fmt: skip
        (site.folder / f"{label}.pem").write_text(made.read_text() + key.read_text())
        site.server.wait_line(f"{label}.pem.*neither of RSA nor of ECDSA", 20)
    assert serial_shown(site) == before
    assert kinds_shown(site) == {"ECDSA": "ECDSA", "RSA": None}


def test_half_a_renewal_takes_nothing_away(make):
    """The certificate is there and its key is not yet, or it is cut off: who was shown before is shown."""
    site = Secure(make)
    site.add("two.test")
    site.server.wait_line("2 of .* are shown")
    whole = site.folder / f"{NAME}.pem"
    before, is_there = serial_shown(site), whole.read_text()
    renewed = pathlib.Path(site.authority.issue(NAME, label="renewed")).read_text()
    certificate, _, key = renewed.partition("-----BEGIN PRIVATE KEY-----")

    def replace(text):
        since = len(site.server.lines)
        whole.write_text(text)
        site.server.wait_line(r"certificates: \d+ of .* are shown", 20, since=since)

    for half in (certificate, renewed[: len(certificate) // 2], "", is_there.replace("BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE")):
        replace(half)
        assert serial_shown(site) == before, half
        assert site.secure_get("/").status
    replace(renewed)
    assert serial_shown(site) != before
    whole.unlink()
    site.server.wait_line("certificates: 1 of .* are shown", 20, since=len(site.server.lines) - 1)
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        site.connect()


def test_a_wildcard_that_is_valid_is_shown_before_a_name_that_has_expired(make):
    site = Secure(make)
    site.add("old.wild.test", days=-1)
    site.server.wait_line("old.wild.test has expired", 20)
    with site.connect("old.wild.test") as connection:
        connection.request(host=NAME)
        assert connection.response().status


def staple(authority, between, key, leaf, folder):
    serial = subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", leaf], capture_output=True, text=True).stdout.strip()
    index, answer = folder / "index.txt", folder / "answer.ocsp"
    index.write_text(f"V\t390101000000Z\t\t{serial.partition('=')[2]}\tunknown\t/CN=x\n")
    subprocess.run(["openssl", "ocsp", "-index", index, "-CA", between, "-rsigner", between, "-rkey", key, "-issuer", between,
                    "-cert", leaf, "-ndays", "2", "-respout", answer], check=True, capture_output=True)  # fmt: skip
    return answer


def test_a_chain_with_its_ocsp_response_is_shown_to_who_asks(make):
    """Through an authority between, which clients do not have; the response comes to lie there later."""
    site = Secure(make)
    folder = make.inside("chain")
    root = site.authority
    names = folder / "names"
    names.write_text("basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n")
    between, key = folder / "between.pem", folder / "between.key"
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                    "-out", folder / "between.csr", "-subj", "/CN=Between"], check=True, capture_output=True)  # fmt: skip
    subprocess.run(["openssl", "x509", "-req", "-in", folder / "between.csr", "-CA", root.path, "-CAkey", root.key, "-CAcreateserial",
                    "-days", "9", "-extfile", names, "-out", between], check=True, capture_output=True)  # fmt: skip
    root.path, root.key, kept = between, key, (root.path, root.key)
    leaf = root.issue("chain.test")
    root.path, root.key = kept
    for is_whole in (False, True):
        since = len(site.server.lines)
        pem = leaf.read_text() + (between.read_text() if is_whole else "")
        (site.folder / "chain.pem").write_text(pem)
        site.server.wait_line("2 of .* are shown", 20, since=since)
        code, said = site.s_client("-verify_return_error", name="chain.test")
        assert ("Verification: OK" in said) == is_whole, said
    assert "OCSP response: no response sent" in site.s_client("-status", name="chain.test")[1]
    since = len(site.server.lines)
    shutil.copy(staple(root, between, key, leaf, folder), site.folder)
    site.server.wait_line("2 of .* are shown", 20, since=since)
    for words in (["-tls1_2"], ["-tls1_3"]):
        said = site.s_client("-status", *words, name="chain.test")[1]
        assert "Cert Status: good" in said, said
    assert site.curl("--cert-status", target="/", host="chain.test").returncode == 0


def test_a_folder_that_cannot_be_read_for_a_while_takes_nothing_away(make):
    site = Secure(make)
    before = serial_shown(site)
    away = site.folder.with_name("away")
    since = len(site.server.lines)
    os.rename(site.folder, away)
    site.server.wait_line("cannot be read", 20, since=since)
    assert serial_shown(site) == before
    os.rename(away, site.folder)
    assert site.secure_get("/").status
