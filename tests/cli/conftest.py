"""What the tests of the playground share."""

import threading

import pytest

from chainrule.cli.play.server import Server


@pytest.fixture(scope="session")
def server():
    """A Server of the playground, that runs."""
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
