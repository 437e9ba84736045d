"""Ctrl-C at a moment when nothing is half done."""

import signal
import threading


class DeferredInterrupt:
    """Inside the with-block the first Ctrl-C sets run.interrupted; another one raises KeyboardInterrupt at once.

    Where Python's own handler is not in place (another library has set one, or this is not the main thread), it is left
    as it is, and the first one raises, whenever it comes. The block swallows the exception: what follows is done.
    """

    def __init__(self, run):
        self.run = run
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
        self.run.interrupted = True

    def __exit__(self, kind, error, traceback):
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)
        return kind is not None and issubclass(kind, KeyboardInterrupt)
