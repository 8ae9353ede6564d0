"""A loopback COS: objects behind signatures, which the official SDK's signer recomputes.

    store = CosStore(origin, bucket="b-1250000000")     answers all requests of an Origin
    store.objects["a/b.txt"] = b"..."                   by their keys
    store.keys                                          key ids with their secrets; any of them may ask
    store.ahead_s = 3600                                its clock against ours
    store.refusals, store.signed                        what it made of requests

A request without a signature is answered 403 AccessDenied, a wrong one 403 SignatureDoesNotMatch, one out of its time
403 RequestTimeTooSkewed or AccessDenied, as COS does; what is not there 404 NoSuchKey, and the bucket itself is a list.
"""
import email.utils
import hashlib
import json
import pathlib
import subprocess
import threading
import time
import urllib.parse

import npm
from origin import Reply

SIGNER = pathlib.Path(__file__).resolve().parents[2] / "tools/npm/sign.js"


class Signer:
    """The SDK's getAuth, in a process of Node."""

    def __init__(self):
        self.lock = threading.Lock()
        self.process = subprocess.Popen(["node", SIGNER, "cos"], env=npm.environment(), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip

    def sign(self, **options):
        with self.lock:
            self.process.stdin.write(json.dumps(options) + "\n")
            self.process.stdin.flush()
            return self.process.stdout.readline().rstrip("\n")

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


class CosStore:
    def __init__(self, origin, signer, bucket="b-1250000000"):
        self.origin, self.signer, self.bucket = origin, signer, bucket
        self.objects = {}
        self.keys = {"AKIDtest": "secret"}
        self.tokens = {}  # key ids of temporary keys, with their tokens
        self.ahead_s = 0
        self.fields = {}  # more fields of every answer
        self.refusals = []  # codes
        self.signed = 0
        origin.default = self.answer

    @property
    def host(self):
        return self.origin.address

    # What it answers.

    def error(self, status, code):
        self.refusals.append(code)
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
        return self.reply(status, body.encode(), {"Content-Type": "application/xml"})

    def reply(self, status, body, more):
        fields = {"Date": email.utils.formatdate(time.time() + self.ahead_s, usegmt=True), "Server": "tencent-cos",
                  "x-cos-request-id": f"id-{len(self.origin.requests)}", **self.fields, **more}  # fmt: skip
        return Reply(status=status, body=body, fields=tuple(fields.items()))

    def answer(self, request):
        if request.method == "OPTIONS":
            return self.reply(200, b"", {"Access-Control-Allow-Origin": "*"})
        refused = self.refuse(request)
        if refused:
            return self.error(403, refused)
        self.signed += 1
        path, _, query = request.target.partition("?")
        key = urllib.parse.unquote(path)[1:]
        if query or not key:
            return self.reply(200, b"<ListBucketResult>everything</ListBucketResult>", {"Content-Type": "application/xml"})
        if key not in self.objects:
            return self.error(404, "NoSuchKey")
        return self.give(request, self.objects[key])

    def give(self, request, body):
        fields = {"ETag": f'"{hashlib.md5(body).hexdigest()}"', "Content-Type": "text/plain", "x-cos-meta-a": "b",
                  "x-cos-hash-crc64ecma": "1", "Accept-Ranges": "bytes"}  # fmt: skip
        if request.fields.get("If-None-Match") == fields["ETag"]:
            return Reply(status=304, framing="none", fields=tuple(fields.items()))
        wanted = request.fields.get("Range")
        if wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            first, last = int(first), min(int(last or len(body)), len(body) - 1)
            if first >= len(body):
                return self.error(416, "InvalidRange")
            fields["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
            return self.reply(206, body[first : last + 1], fields)
        return self.reply(200, body, fields)

    # Whom it believes.

    def refuse(self, request):
        """The code of COS's error, or None for a request that is signed rightly."""
        authorization = request.fields.get("Authorization")
        if authorization is None:
            return "AccessDenied"
        words = dict(word.partition("=")[::2] for word in authorization.split("&"))
        id = words.get("q-ak")
        if id not in self.keys:
            return "InvalidAccessKeyId"
        if self.tokens.get(id) != request.fields.get("x-cos-security-token"):
            return "InvalidAccessKeyId"
        now = time.time() + self.ahead_s
        start, _, end = words["q-sign-time"].partition(";")
        if not int(start) <= now <= int(end):
            return "RequestTimeTooSkewed" if now < int(start) else "AccessDenied"
        path, _, query = request.target.partition("?")
        names = [name for name in words["q-header-list"].split(";") if name]
        parameters = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        listed = {urllib.parse.unquote(name) for name in words["q-url-param-list"].split(";") if name}
        wanted = self.signer.sign(
            Method=request.method, Pathname=urllib.parse.unquote(path), SecretId=id, SecretKey=self.keys[id],
            KeyTime=words["q-key-time"], Query={name: value for name, value in parameters.items() if name.lower() in listed},
            Headers={name: request.fields.get(name) for name in names})  # fmt: skip
        if wanted != authorization or "host" not in names or ("Range" in request.fields and "range" not in names):
            return "SignatureDoesNotMatch"
        return None
