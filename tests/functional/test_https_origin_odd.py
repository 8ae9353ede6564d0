"""Origins in TLS whose certificates are not as they should be in rarer ways: each is a failure with its reason, and the hot
backup answers within the deadline."""
import socket
import ssl
import subprocess
import threading
import time

import pytest
from certificates import Authority, server_context
from domains import SLACK, domain
from test_https_origin import ATTEMPT, EXTENDED, NAME, attempts, https

pytestmark = pytest.mark.racing

LEAF = f"subjectAltName=DNS:{NAME}\nbasicConstraints=CA:FALSE\n"
LINK = "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n"


def openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def sign(folder, label, issuer, extensions, days=9, key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), digest="-sha256"):
    """(certificate, key) of a name; `issuer` is such a pair."""
    certificate, private, request, config = (folder / f"{label}.{end}" for end in ("pem", "key", "csr", "cnf"))
    config.write_text(extensions)
    openssl("req", "-new", "-newkey", *key, "-nodes", "-keyout", private, "-out", request, "-subj", f"/CN={label}")
    openssl("x509", "-req", "-in", request, "-CA", issuer[0], "-CAkey", issuer[1], "-CAcreateserial", "-days", days, digest,
            "-extfile", config, "-out", certificate)  # fmt: skip
    return certificate, private


@pytest.fixture(scope="module", name="authority")
def _authority(make_once):
    return Authority(make_once.inside("ca"))


# name -> (the one between and its days, the leaf, whether the chain is sent, the words; None: it is believed)
CHAINS = {
    "whole": (LINK, 9, LEAF, True, None),
    "not sent": (LINK, 9, LEAF, False, "unable to get local issuer certificate"),
    "one between that has expired": (LINK, -1, LEAF, True, "certificate has expired"),
    "one between that is no authority": ("basicConstraints=CA:FALSE\n", 9, LEAF, True, "invalid CA certificate"),
    "one between that may not sign": (LINK + "keyUsage=critical,digitalSignature\n", 9, LEAF, True, "invalid CA certificate"),
    "one between for other names": (LINK + "nameConstraints=critical,permitted;DNS:other.test\n", 9, LEAF, True, "permitted subtree violation"),
    "a leaf for clients alone": (LINK, 9, LEAF + "extendedKeyUsage=clientAuth\n", True, "unsuitable certificate purpose|unsupported certificate purpose"),
    "a leaf with something critical that nobody knows": (LINK, 9, LEAF + "1.2.3.4=critical,DER:0500\n", True, "unhandled critical extension"),
    "a leaf for a name below": (LINK, 9, LEAF.replace(NAME, f"*.{NAME}"), True, "hostname mismatch"),
    "a leaf with a star in the middle": (LINK, 9, LEAF.replace(NAME, "e*ge.test"), True, "hostname mismatch"),
    "a leaf with a zero in its name": (LINK, 9, "basicConstraints=CA:FALSE\nsubjectAltName=DER:300e820c656467652e74657374002e78\n", True, "hostname mismatch"),
}  # fmt: skip


@pytest.mark.parametrize("row", CHAINS)
def test_a_chain_that_is_not_right_ends_at_the_backup_with_its_reason(make, authority, tmp_path, row):
    link, days, leaf, is_sent, words = CHAINS[row]
    between = sign(tmp_path, "between", (authority.path, authority.key), link, days)
    certificate, key = sign(tmp_path, "leaf", between, leaf)
    shown = tmp_path / "shown.pem"
    shown.write_text(certificate.read_text() + (between[0].read_text() if is_sent else "") + key.read_text())
    check(make, make.origin("master", tls=server_context(shown)), authority, words, "tls_name")


def check(make, master, authority, words, reason):
    backup = make.origin("backup")
    server = make.headwater([domain(https(master, authority), backup, cache={"mode": "off"})], EXTENDED)
    begun = time.monotonic()
    response = server.get("/a")
    assert time.monotonic() - begun < ATTEMPT + SLACK
    first = attempts(server, "/a")[0]
    if words is None:
        assert (response.status, response.body) == (200, b"master")
        return
    assert (response.status, response.body) == (200, b"backup")
    assert first["reason"] == reason
    assert any(one in first["detail"] for one in words.split("|")), first
    assert not master.requests


@pytest.mark.parametrize("key, words", [(("rsa:1024",), "too weak|too small"), (("rsa:2048",), None), (("ed25519",), None)], ids=str)
def test_weak_keys_are_not_believed_and_rare_ones_are(make, authority, tmp_path, key, words):
    certificate, private = sign(tmp_path, "leaf", (authority.path, authority.key), LEAF, key=key)
    shown = tmp_path / "shown.pem"
    shown.write_text(certificate.read_text() + private.read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.load_cert_chain(shown)
    check(make, make.origin("master", tls=context), authority, words, "tls_name")


def without_certificate():
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def of_old_versions(certificate):
    context = server_context(certificate)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def of_old_suites(certificate):
    context = server_context(certificate, newest=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("AES128-SHA")
    return context


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["a lost certificate", "old versions", "old suites"])
def test_who_has_nothing_in_common_with_us_fails_in_the_handshake(make, authority, kind):
    certificate = authority.issue(NAME)
    context = {"a lost certificate": without_certificate, "old versions": lambda: of_old_versions(certificate),
               "old suites": lambda: of_old_suites(certificate)}[kind]()  # fmt: skip
    check(make, make.origin("master", tls=context), authority, "alert|handshake|version", "tls_handshake")


def test_an_origin_that_dawdles_in_the_handshake_has_no_more_time(make, authority):
    """A byte now and then does not prolong connect_timeout."""
    listener = make.closing.add(socket.create_server(("127.0.0.1", 0)), socket.socket.close)

    def dawdle():
        while True:
            try:
                sock = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=drip, args=(sock,), daemon=True).start()

    def drip(sock):
        try:
            with sock:
                sock.sendall(bytes.fromhex("1603034000"))
                while True:
                    sock.sendall(b"\x00")
                    time.sleep(0.1)
        except OSError:
            pass

    threading.Thread(target=dawdle, daemon=True).start()
    backup = make.origin("backup")
    master = {"type": "self", "addresses": ["127.0.0.1:{}".format(listener.getsockname()[1])], "protocol": "https",
              "connect_timeout": "1s", "head_timeout": "1s"}  # fmt: skip
    server = make.headwater([domain(master, backup, cache={"mode": "off"})], EXTENDED)
    begun = time.monotonic()
    response = server.get("/a")
    assert time.monotonic() - begun < ATTEMPT + SLACK
    assert response.body == b"backup" and attempts(server, "/a")[0]["reason"] in ("connect_timeout", "tls_handshake")
