"""A steady load of keep-alive clients on threads, which remembers every request that did not get what it
should. As every HTTP client does (RFC 9112 9.3.1), it repeats a GET once on a fresh connection when the
server ended a kept one before a byte of the response; those are counted in `repeated`.
"""
import threading
import time

import client
import wire


class Load:
    """`with Load(address, clients=4) as load: ...`; then load.count and load.failures."""

    def __init__(self, address, clients=4, target="/", host="edge.test", pause=0.0, expect=None, fresh_every=0):
        self.address = address
        self.clients = clients
        self.target = target
        self.host = host
        self.pause = pause
        self.expect = expect or (lambda response: response.status == 200)
        self.fresh_every = fresh_every  # a new connection after so many requests; 0: as long as it lives
        self.count = 0
        self.repeated = 0
        self.failures = []
        self.times = []  # (when it began, seconds)
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._threads = []

    def __enter__(self):
        for _ in range(self.clients):
            thread = threading.Thread(target=self._run, daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self):
        connection, used = None, 0
        while not self._end.is_set():
            begun = time.monotonic()
            try:
                if connection is None:
                    connection, used = client.Client(self.address), 0
                response = self._fetch(connection)
                if response is None and used:
                    self.repeated += 1
                    connection.close()
                    connection, used = client.Client(self.address), 0
                    response = self._fetch(connection)
                if response is None:
                    raise wire.Truncated(connection.ended, "no response on a fresh connection")
                used += 1
                self._note(begun, None if self.expect(response) else repr(response))
                over = "close" in response.fields.tokens("Connection")
                if over or (self.fresh_every and used >= self.fresh_every):
                    connection.close()
                    connection = None
            except (OSError, wire.WireError) as error:
                self._note(begun, f"request {used} of its connection: {type(error).__name__} {error}")
                if connection:
                    connection.close()
                connection = None
                time.sleep(0.002)
            if self.pause:
                time.sleep(self.pause)

    def _fetch(self, connection):
        """A response, or None when the connection ended before its first byte."""
        connection.request("GET", self.target, self.host)
        try:
            return connection.response()
        except wire.Truncated as error:
            if error.how == "timeout" or error.response or connection.buffer:
                raise
            return None

    def _note(self, begun, failure):
        now = time.monotonic()
        with self._lock:
            self.count += 1
            self.times.append((begun, now - begun))
            if failure:
                self.failures.append((begun, failure))
