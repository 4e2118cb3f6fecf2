"""Serving a stand-in: HTTP on a free port of this machine, without a log."""

import argparse
import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from backend.environment import write_private


class Handler(BaseHTTPRequestHandler):
    """Handler that reads a request for its subclass's ``answer``."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: the second would wait for the first's receipt

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def write(self, body, status=200, **headers):
        with suppress(OSError):  # whoever asked did not wait
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *args):
        pass  # the path holds secrets and codes


class Server(ThreadingHTTPServer):
    """Server at ``url``; once ``hurry`` is set, slow answers come at once."""

    daemon_threads = True

    def __init__(self, handler):
        self.hurry = threading.Event()
        super().__init__(("127.0.0.1", 0), handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        pass  # connections that were closed on purpose

    def serve(self):
        """Write what is ``told`` to the file that the command line names, and serve."""
        parser = argparse.ArgumentParser()
        parser.add_argument("file", type=Path, help="where to write them")
        write_private(parser.parse_args().file, json.dumps(self.told()))
        self.serve_forever()
