"""Stands in for a control plane where the real one cannot be made to do it: garbage, floods, redirects, silence."""
import http.server
import json
import threading


class Double:
    """Answers each request as it was told to, and remembers what it was asked.

    `answers` has, for "METHOD /path" without /api/v1 and query, one answer or a list of them, the last of which stays: a
    dictionary is JSON with status 200, a tuple is (status, body, fields), a function gets the handler and writes by itself.
    """

    def __init__(self, answers=None):
        double = self
        self.answers = dict(answers or {})
        self.asked = []
        self.lock = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                path = self.path.partition("?")[0].removeprefix("/api/v1")
                with double.lock:
                    double.asked.append((self.command, self.path, dict(self.headers), body))
                    told = double.answers.get(f"{self.command} {path}", (404, {"title": "not told"}, {}))
                    if isinstance(told, list):
                        told = told.pop(0) if len(told) > 1 else told[0]
                if callable(told):
                    told(self)
                    return
                status, body, fields = told if isinstance(told, tuple) else (200, told, {})
                self.send(status, body, fields)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def send(self, status, body=b"", fields=None):
                if isinstance(body, (dict, list)):
                    body = json.dumps(body).encode()
                body = body.encode() if isinstance(body, str) else body
                self.send_response(status)
                for name, value in (fields or {}).items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):
                pass  # who went away while an answer was written

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def targets(self):
        return [f"{method} {path}" for method, path, _, _ in self.asked]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
