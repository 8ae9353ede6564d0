"""A browser: Debian's Chromium loads a page with many images by HTTP/2, and trusts the authority of the test."""
import contextlib
import hashlib
import json
import os
import signal
import subprocess

import pytest
from caching import says, wait_until
from origin import Reply
from test_tls import NAME, Secure

IMAGES = 50
UPLOAD = 300_000

# Each image is as wide as its number says. Once all are there, the page tells how they came, and uploads something.
PAGE = """<!doctype html><title>images</title>
%s
<script>
addEventListener("load", async () => {
    const widths = [...document.images].map(image => image.naturalWidth);
    const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    const upload = await fetch("/upload", {method: "POST", body: "u".repeat(%d)});
    const report = {widths, answer: await upload.text(), protocols: entries.map(entry => entry.nextHopProtocol)};
    await fetch("/report", {method: "POST", body: JSON.stringify(report)});
});
</script>
""" % ("\n".join(f'<img src="/image/{n}.svg">' for n in range(1, IMAGES + 1)), UPLOAD)  # fmt: skip


def answer(request):
    fresh, kind = "Cache-Control: max-age=1000", "Content-Type: {}"
    if request.path.startswith("/image/"):
        width = request.path.removeprefix("/image/").removesuffix(".svg")
        body = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="1"/>'.encode()
        return says(fresh, kind.format("image/svg+xml"), body=body)
    if request.method == "POST":
        return Reply(body=lambda request: request.digest.encode())  # once its body is here
    if request.path == "/":
        return says("Cache-Control: no-store", kind.format("text/html"), body=PAGE.encode())
    return Reply(404)


class Browser:
    """A Chromium with a profile of its own, whose home has the authorities that it trusts. It asks nobody but the site."""

    def __init__(self, site, folder):
        store = folder / ".pki/nssdb"
        store.mkdir(parents=True)
        for words in (["-N", "--empty-password"], ["-A", "-n", "test", "-t", "C,,", "-i", str(site.authority.path)]):
            subprocess.run(["certutil", "-d", f"sql:{store}", *words], check=True, capture_output=True)
        self.log = folder / "chromium.log"
        self.command = ["chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--no-proxy-server",
                        f"--user-data-dir={folder}/profile", "--remote-debugging-port=0",
                        f"--host-resolver-rules=MAP {NAME} 127.0.0.1, MAP * ~NOTFOUND"]  # fmt: skip
        self.environment = os.environ | {"HOME": str(folder)}
        self.url = f"https://{NAME}:{site.port}/"

    @contextlib.contextmanager
    def looking(self):
        with open(self.log, "ab") as log:
            process = subprocess.Popen([*self.command, self.url], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env=self.environment, start_new_session=True)  # fmt: skip
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.soak
def test_a_page_with_many_images_comes_by_http2(make):
    site = Secure(make)
    site.origin.default = answer
    browser = Browser(site, make.inside("browser"))
    with browser.looking():
        try:
            wait_until(lambda: site.origin.on_path("/report"), "the page's report", 30)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{browser.log.read_text(errors='replace')[-3000:]}") from None
    (report,) = [json.loads(request.body) for request in site.origin.on_path("/report")]
    assert report["widths"] == list(range(1, IMAGES + 1))
    assert report["answer"] == hashlib.sha256(b"u" * UPLOAD).hexdigest()
    # The page and its images.
    assert report["protocols"] == ["h2"] * (IMAGES + 1)
    lines = site.server.wait_log(IMAGES + 3)
    assert {(line["host"], line["protocol"]) for line in lines} == {(NAME, "HTTP/2.0")}
    site.server.assert_healthy()
