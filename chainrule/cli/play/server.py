"""The playground's server: for this machine only, and for those who have its address with the token."""

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from ...autograd.errors import ChainruleError
from ...pages.html import embedded
from . import network, page

HOST = "127.0.0.1"
LONGEST, LONGEST_BODY = 20_000, 1_000_000  # characters of an address, and of what is posted


class Server(ThreadingHTTPServer):
    """Answers `/` with the playground, `/graph?formula=…&a=2` with the page of a formula's graph, `/network` with the network's page,
    and to JSON posted to `/made` and `/example` with a network and the page of an example; all with `token=`.

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
        path, query = self.asked()
        if path == "/":
            self.answer(200, "text/html", page.shell())
        elif path == "/network":
            self.answer(200, "text/html", network.shell())
        elif path == "/graph":
            formula = query.pop("formula", "")
            self.make(lambda: page.made(formula, query))
        elif path:
            self.answer(404, "text/plain", "There is no such page here.")

    def do_POST(self):
        path, _ = self.asked()
        length = int(self.headers.get("Content-Length") or 0)
        if not path:
            return
        if length > LONGEST_BODY:
            return self.answer(413, "text/plain", f"at most {LONGEST_BODY:,} characters are read")
        try:
            given = json.loads(self.rfile.read(length))
            answers = {"/made": lambda: network.made(given), "/example": lambda: {"page": network.example(**given)}}
            self.make(answers[path])
        except (ValueError, TypeError, KeyError):
            self.answer(400, "text/plain", "This is not what the page sends.")

    def asked(self):
        """(the path, its query without the token); (None, None), with the answer given, for those who have no token."""
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True)) if len(self.path) <= LONGEST else {}
        # a page of another origin that has this address under its own name sends that name
        if self.headers.get("Host") != f"{HOST}:{self.server.server_port}":
            self.answer(403, "text/plain", "This server answers to its own address only.")
        elif not secrets.compare_digest(query.pop("token", "").encode(), self.server.token.encode()):
            self.answer(403, "text/plain", "Open the address that `python -m chainrule play` has printed.")
        else:
            return parts.path, query
        return None, None

    def make(self, build):
        """Answer with what `build` gives, or with its error, as JSON."""
        try:
            with self.server.lock:
                found = build()
        except ChainruleError as error:
            found = {"error": str(error)}
        self.answer(200, "application/json", embedded(found))

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
