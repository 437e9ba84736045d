"""The playground's server: for this machine only, and for those who have its address with the token."""

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from ...autograd.errors import ChainruleError
from . import page

HOST = "127.0.0.1"
LONGEST = 20_000  # characters of an address


class Server(ThreadingHTTPServer):
    """Answers `/` with the playground and `/graph?formula=…&a=2` with the page of a formula's graph, both with `token=`.

    Fields:
        token: a secret in each address, so that no other user or page of this machine can use the server.
        address: where a browser finds it.
    """

    daemon_threads = True

    def __init__(self, port=0):
        super().__init__((HOST, port), _Handler)
        self.token = secrets.token_urlsafe(16)
        self.lock = threading.Lock()  # one graph at a time

    @property
    def address(self):
        return f"http://{HOST}:{self.server_port}/?token={self.token}"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version, sys_version = "chainrule", ""

    def do_GET(self):
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True)) if len(self.path) <= LONGEST else {}
        # a page of another origin that has this address under its own name sends that name
        if self.headers.get("Host") != f"{HOST}:{self.server.server_port}":
            return self.answer(403, "text/plain", "This server answers to its own address only.")
        if not secrets.compare_digest(query.pop("token", "").encode(), self.server.token.encode()):
            return self.answer(403, "text/plain", "Open the address that `python -m chainrule play` has printed.")
        if parts.path == "/":
            return self.answer(200, "text/html", page.shell())
        if parts.path != "/graph":
            return self.answer(404, "text/plain", "There is / and /graph here.")
        try:
            with self.server.lock:
                made = page.made(query.pop("formula", ""), query, query.pop("data", "").split(","))
        except ChainruleError as error:
            made = {"error": str(error)}
        return self.answer(200, "application/json", json.dumps(made))

    def answer(self, status, kind, text):
        body = text.encode("utf-8", "replace")
        self.send_response(status)
        for name, value in {
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",  # the address holds the token
            "X-Content-Type-Options": "nosniff",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing: requests are no news, and would show the token."""
