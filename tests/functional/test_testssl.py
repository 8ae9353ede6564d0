"""What testssl.sh, with its hundreds of checks of protocols, suites, certificates and known attacks, finds wrong."""
import json
import subprocess

import pytest
from caching import FRESH, says
from test_tls import NAME, Secure

FINE = ("OK", "INFO", "LOW")

# What it finds wrong, and is not: the finding, and why.
EXCUSED = {
    "cert_revocation": "the authority of a test has no URI of a CRL, and no OCSP",
    "engine_problem": "testssl.sh misses GOST in its own OpenSSL",
    "sessionresumption_ticket": "it may leave before the ticket has come, and then has no session to show; test_tls.py waits",
}

# Some of what it has to have found good, that its silence not be taken for praise; and what it would call LOW at most.
GOOD = {
    "SSLv2", "SSLv3", "TLS1_2", "TLS1_3", "ALPN_HTTP2", "cipherlist_NULL", "cipherlist_LOW", "PFS", "DH_groups",
    "cert_trust", "cert_chain_of_trust", "HSTS_time", "heartbleed", "CCS", "ticketbleed", "ROBOT", "secure_renego",
    "secure_client_renego", "CRIME_TLS", "POODLE_SSL", "SWEET32", "FREAK", "DROWN", "LOGJAM", "BEAST", "LUCKY13", "RC4",
}  # fmt: skip
NOT_OFFERED = {"TLS1", "TLS1_1", "cipherlist_3DES_IDEA", "cipherlist_AVERAGE"}


@pytest.mark.soak
def test_it_finds_nothing_wrong(make):
    # Some checks name no host, and would learn nothing without a fallback.
    site = Secure(make, {"tls_fallback": NAME}, {"https": {"hsts": "365d"}})
    site.add(NAME, days=90)
    site.add(NAME, days=90, label="rsa", key="rsa:2048")
    site.server.wait_line("certificates: 2 of .* are shown")
    site.origin.default = says(FRESH, body=b"hello")
    folder = make.inside("testssl")
    done = subprocess.run(
        ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", "127.0.0.1",
         "--add-ca", site.authority.path, "--jsonfile", folder / "found.json", f"{NAME}:{site.port}"],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)  # fmt: skip
    # With two certificates, what is about one of them says which.
    found = [(row["id"].partition(" ")[0], row["severity"], row["finding"])
             for row in json.loads((folder / "found.json").read_text())]  # fmt: skip
    wrong = [row for row in found if row[1] not in FINE and row[0] not in EXCUSED]
    assert not wrong, f"{wrong}\n{done.stdout[-8000:]}"
    missed = GOOD - {name for name, severity, _ in found if severity == "OK"}
    missed |= NOT_OFFERED - {name for name, _, finding in found if finding == "not offered"}
    assert not missed, f"{missed}\n{done.stdout[-8000:]}"
    site.server.assert_healthy()
