"""A real server that receives webhooks, verifies them as others do, and misbehaves when told."""

import itertools
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

BEFORE_THE_DRIPS = {
    "status drips": b"HTTP/1.1 20",
    "headers drip": b"HTTP/1.1 200 OK\r\nX: ",
    "body drips": b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
}


class Receiver(ThreadingHTTPServer):
    """``answers`` are given in turn, then 204: a status, or a word.

    ``"cut"``, ``"garbage"``, ``"silent"``, or what comes byte by byte for ever:
    ``"status drips"``, ``"headers drip"``, ``"body drips"``. ``certificate`` is a file with its
    key: then it speaks TLS.
    """

    daemon_threads = True

    def __init__(self, secret="", certificate=None):
        super().__init__(("127.0.0.1", 0), _Handler)
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.secret = secret
        self.answers = []
        self.journal = []  # (headers, body, whether a signature was right)
        self.closing = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def name(self):
        return f"127.0.0.1:{self.server_port}"

    def stop(self):
        self.closing.set()
        self.shutdown()
        self.server_close()

    def verifies(self, headers, body):
        try:
            Webhook(self.secret).verify(body, headers)
        except WebhookVerificationError:
            return False
        return True


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.journal.append((self.headers, body, self.server.verifies(self.headers, body)))
        answer = self.server.answers.pop(0) if self.server.answers else 204
        if answer == "silent":
            self.server.closing.wait()
        elif answer == "garbage":
            self.wfile.write(b"x" * 10_000)
        elif answer in BEFORE_THE_DRIPS:
            self.drip(BEFORE_THE_DRIPS[answer])
        elif answer != "cut":
            self.send_response(answer)
            self.send_header("Location", f"http://{self.server.name}/elsewhere")
            self.end_headers()

    def drip(self, first):
        try:
            for one in itertools.chain([first], itertools.repeat(b"x")):
                self.wfile.write(one)
                if self.server.closing.wait(0.02):
                    break
        except OSError:
            pass  # they hung up

    def log_message(self, *args):
        pass
