"""Ctrl-C at a moment when nothing is half done."""

import signal
import threading


class DeferredInterrupt:
    """Inside the with-block the first Ctrl-C calls `note`; another one raises KeyboardInterrupt, as usual.

    Where Python's own handler is not in place (another library has set one, or this is not the main thread), nothing
    is changed, and KeyboardInterrupt comes whenever it comes.
    """

    def __init__(self, note):
        self.note = note
        self.before = None

    def __enter__(self):
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            self.before = signal.signal(signal.SIGINT, self._first)
        return self

    def _first(self, number, frame):
        signal.signal(signal.SIGINT, self.before)
        self.note()

    def __exit__(self, *error):
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)
