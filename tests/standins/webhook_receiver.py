"""A real server that receives webhooks, verifies them by itself, and misbehaves when told."""

import base64
import hashlib
import hmac
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(ThreadingHTTPServer):
    """``answers`` are given in turn, then 204: a status, ``"cut"``, ``"garbage"``, ``"silent"``."""

    daemon_threads = True

    def __init__(self, secret=""):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secret = secret
        self.answers = []
        self.journal = []  # (headers, body, whether a signature was right)
        self.closing = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def name(self):
        return f"127.0.0.1:{self.server_port}"

    def stop(self):
        self.closing.set()
        self.shutdown()
        self.server_close()

    def verifies(self, headers, body):
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        right = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return right in headers.get("webhook-signature", "").split()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.journal.append((self.headers, body, self.server.verifies(self.headers, body)))
        answer = self.server.answers.pop(0) if self.server.answers else 204
        if answer == "silent":
            self.server.closing.wait()
        elif answer == "garbage":
            self.wfile.write(b"x" * 10_000)
        elif answer != "cut":
            self.send_response(answer)
            self.send_header("Location", f"http://{self.server.name}/elsewhere")
            self.end_headers()

    def log_message(self, *args):
        pass
