"""A Headwater with domains as somebody may have them: some that are asked for, one with a blocked address, buckets."""
import threading

import control
from caching import says
from client import Client
from conftest import eventually

NAME = "www.example.com"
KINDS = {"/": 200, "/style.css": 200, "/photo.jpg": 200, "/old": 301, "/missing": 404}


def answer(request):
    path = request.path.partition("?")[0]
    status = KINDS.get(path, 200)
    fresh = "Cache-Control: max-age=60" if path.endswith((".css", ".jpg")) else "Cache-Control: no-store"
    return says(fresh, status=status, body=b"x" * (40000 if path.endswith(".jpg") else 1200))


class Demo:
    def __init__(self, make, console):
        self.console = console
        self.good = [make.origin(f"good{n}") for n in range(2)]
        self.backup = make.origin("backup")
        dead = make.origin("dead")
        self.dead = dead.address
        dead.stop()
        for origin in (*self.good, self.backup):
            origin.default = answer
        api = console.api
        addresses = [*(origin.address for origin in self.good), self.dead]
        api.ok("createDomain", control.domain(NAME, *addresses, backup=[self.backup.address]))
        for name, where, more in (
            ("img.example.com", self.good[0].address, {"backup": {"addresses": [self.backup.address]}}),
            ("video.example.com", self.good[1].address, {}),
            ("*.shop.example.com", "203.0.113.40:8443", {}),
            ("docs.example.org", "[2001:db8::10]:8080:2", {}),
            ("static.example.net", "198.51.100.20", {"status": "offline", "backup": {"addresses": ["backup.example.net:8080"]}}),
        ):
            api.ok("createDomain", {"name": name, "origin": {"addresses": [where]}, **more})
        bucket = {"bucket": "assets-1250000000", "region": "ap-guangzhou"}
        api.ok("createDomain", {"name": "assets.example.com", "origin": {"type": "cos", "bucket": bucket}})
        bucket = {"bucket": "media-1250000000", "region": "ap-shanghai"}
        api.ok("createDomain", {"name": "media.example.com", "kind": "bucket_default", "origin": {"type": "cos", "bucket": bucket}})
        bucket = {"endpoint": "s3.example.net", "bucket": "archive", "access": "private", "key_id": "AKIDEXAMPLE", "secret": "of no use"}
        api.ok("createDomain", {"name": "archive.example.org", "origin": {"type": "s3", "bucket": bucket}})
        api.ok("switchDomain", name="img.example.com")
        api.ok("changeOrigin", {"connect_timeout": "2s"}, name=NAME)
        self.ask(300)
        eventually(self.is_blocked, "an address is blocked", 20)

    def ask(self, count):
        paths = list(KINDS)

        def some(name, count):
            with Client(self.console.edge) as client:
                for n in range(count):
                    client.request("GET", f"{paths[n % len(paths)]}?{n % 9}", name)
                    client.response("GET")

        threads = [threading.Thread(target=some, args=(name, part)) for name, part in
                   ((NAME, count), ("img.example.com", count // 2), ("video.example.com", count // 5))]  # fmt: skip
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def is_blocked(self):
        self.ask(10)
        states = self.console.api.ok("readDomainHealth", name=NAME)["origin"]
        return any(edge["state"] == "blocked" for one in states if one["address"] == self.dead for edge in one["edges"])
