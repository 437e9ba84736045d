"""What a run shows while it trains."""

import sys

from .callback import Callback


class Progress(Callback):
    """A bar on a terminal, plain lines elsewhere (one for every `verbose` epochs), nothing for 0."""

    def __init__(self, epochs, verbose):
        self.epochs, self.verbose = epochs, verbose
        self.bar = None

    def on_start(self, run):
        if self.verbose and sys.stderr.isatty():
            from tqdm import tqdm  # only where there is a terminal to draw on

            self.bar = tqdm(total=self.epochs, unit="epoch", leave=True)

    def on_epoch(self, run):
        row = run.history[-1]
        hidden = ("epoch", "seconds", "lr", "grad_norm")
        facts = {k: f"{v:.4f}" for k, v in row.items() if k not in hidden}
        if self.bar is not None:
            self.bar.set_postfix(facts)
            self.bar.update(run.epoch - self.bar.n)  # more than 1 where a run was resumed
        elif self.verbose and (run.epoch % self.verbose == 0 or run.epoch in (1, self.epochs) or run.stop_reason):
            width = len(str(self.epochs))
            self.say(f"epoch {run.epoch:>{width}}/{self.epochs}  " + "  ".join(f"{k} {v}" for k, v in facts.items()))

    def on_end(self, run):
        if run.stop_reason:
            self.say(f"stopped in epoch {run.epoch}: {run.stop_reason}")
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def say(self, text):
        if self.bar is not None:
            self.bar.write(text, file=sys.stderr)
        elif self.verbose:
            print(text, flush=True)
