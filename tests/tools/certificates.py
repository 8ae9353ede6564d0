"""Certificates for a test, by the openssl command: an authority and what it has signed, as files of PEM."""
import pathlib
import ssl
import subprocess


def _openssl(*words):
    done = subprocess.run(["openssl", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Authority:
    """`ca.pem` in a folder, and certificates by it."""

    def __init__(self, folder, name="Test CA"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / "ca.pem"
        self.key = self.folder / "ca.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "10",
                 "-keyout", str(self.key), "-out", str(self.path), "-subj", f"/CN={name}",
                 "-addext", "basicConstraints=critical,CA:TRUE")  # fmt: skip

    def issue(self, *names, days=10, label=None, key="P-256"):
        """A file with the certificate for these names (or IP addresses) and its key; `days` below 0: it has
        expired so long ago. Its key is of a curve, or "rsa:BITS"."""
        kind = [key] if key.startswith("rsa:") else ["ec", "-pkeyopt", f"ec_paramgen_curve:{key}"]
        label = label or names[0].replace("*", "any").replace(":", "_")
        whole, key_path = self.folder / f"{label}.pem", self.folder / f"{label}.key"
        request, config = self.folder / f"{label}.csr", self.folder / f"{label}.cnf"
        kinds = ["IP" if name.replace(".", "").isdigit() or ":" in name else "DNS" for name in names]
        config.write_text("subjectAltName=" + ",".join(f"{kind}:{name}" for kind, name in zip(kinds, names)) + "\n")
        _openssl("req", "-new", "-newkey", *kind, "-nodes", "-keyout", str(key_path), "-out", str(request),
                 "-subj", f"/CN={label}")  # fmt: skip
        _openssl("x509", "-req", "-in", str(request), "-CA", str(self.path), "-CAkey", str(self.key),
                 "-CAcreateserial", "-days", str(days), "-extfile", str(config), "-out", str(whole))  # fmt: skip
        whole.write_text(whole.read_text() + key_path.read_text())
        return whole


    def revoke(self, certificate):
        """A list (PEM) that says that this certificate is revoked."""
        serial = subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", str(certificate)],
                                capture_output=True, text=True).stdout.strip().partition("=")[2]  # fmt: skip
        index, number, config, made = (self.folder / f"revoked.{end}" for end in ("txt", "number", "cnf", "crl"))
        index.write_text(f"R\t390101000000Z\t200101000000Z\t{serial}\tunknown\t/CN=revoked\n")
        number.write_text("01\n")
        config.write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={index}\ncrlnumber={number}\ndefault_md=sha256\n")
        _openssl("ca", "-gencrl", "-config", str(config), "-cert", str(self.path), "-keyfile", str(self.key),
                 "-crldays", "10", "-out", str(made))  # fmt: skip
        return made.read_text()


def server_context(certificate, *, client_ca=None, newest=None, ticket_count=None):
    """For an Origin: shows the certificate, and demands one of its clients by `client_ca`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    if newest:
        context.maximum_version = newest
    if ticket_count is not None:
        context.num_tickets = ticket_count
    return context
