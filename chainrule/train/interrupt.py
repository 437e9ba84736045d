"""Ctrl-C, deferred to the end of the current step."""

import signal
import threading


class DeferredInterrupt:
    """Inside the with-block the first Ctrl-C sets run.interrupted; another one raises KeyboardInterrupt at once.

    Where Python's own handler is not in place (another library has set one, or this is not the main thread), handlers are
    left alone, and the first Ctrl-C raises at once. The with-block swallows KeyboardInterrupt: the code after it runs.
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
