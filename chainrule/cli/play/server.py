"""The playground's server: for this machine only, and for those who have its address with the token."""

import json
import secrets
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import numpy as np

from ...autograd.errors import ChainruleError
from ...pages.html import embedded
from ...pages.words import ENGLISH, speaking
from . import network, page

HOST = "127.0.0.1"
LONGEST = 1_000_000  # bytes of what is posted


class Server(ThreadingHTTPServer):
    """Answers `/` with the playground, `/network` with the network's page, and to JSON posted to `/graph`, `/made` and `/example` with
    the page of a formula's graph, a network, and the page of an example; all with `token=`.

    Fields:
        token: a secret in each address, so that no other user or page of this machine can use the server.
        language: of the pages. address: where a browser finds it.
    """

    daemon_threads = True

    def __init__(self, port=0, language=ENGLISH):
        super().__init__((HOST, port), _Handler)
        self.language = language
        self.token = secrets.token_urlsafe(16)
        self.lock = threading.Lock()  # one graph at a time

    def handle_error(self, request, client_address):
        """Who has gone away without the answer is no news."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    @property
    def address(self):
        return f"http://{HOST}:{self.server_port}/?token={self.token}"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version, sys_version = "chainrule", ""
    timeout = 30  # seconds that who asks may keep silent

    def do_GET(self):
        pages = {"/": page.shell, "/network": network.shell}
        if self.asked(pages):
            with self.server.lock, speaking(self.server.language):
                text = pages[self.path]()
            self.answer(200, "text/html", text)

    def do_POST(self):
        answers = {
            "/graph": page.made,
            "/made": network.made,
            "/example": network.example,
        }
        if not self.asked(answers):
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or len(length) > 7 or int(length) > LONGEST:
            return self.answer(413, "text/plain", f"What is posted needs its length, at most {LONGEST:,} bytes.")
        try:
            given = json.loads(self.rfile.read(int(length)))
            # infinities are shown, which is enough
            with self.server.lock, speaking(self.server.language), np.errstate(all="ignore"):
                found = answers[self.path](**given)
        except ChainruleError as error:
            found = {"error": str(error)}
        except (ValueError, TypeError, RecursionError):  # those of JSON, and of values of a wrong type
            return self.answer(400, "text/plain", "This is not what the page sends.")
        except Exception:
            self.answer(500, "text/plain", "An error of the program; the window in which it runs shows it.")
            raise
        self.answer(200, "application/json", embedded(found))

    def asked(self, known):
        """Whether a path that is `known` is asked for by somebody who has the token; if not, the answer is given. Leaves the path in `path`."""
        self.path, _, query = self.path.partition("?")
        token = parse_qs(query).get("token", [""])[0]
        # a page of another origin that has this address under its own name sends that name
        if self.headers.get("Host") != f"{HOST}:{self.server.server_port}":
            self.answer(403, "text/plain", "This server answers to its own address only.")
        elif not secrets.compare_digest(token.encode(), self.server.token.encode()):
            self.answer(403, "text/plain", "Open the address that `python -m chainrule play` has printed.")
        elif self.path not in known:
            self.answer(404, "text/plain", "There is no such page here.")
        else:
            return True
        return False

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
