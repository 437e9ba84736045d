"""python -m chainrule."""

import sys

from .cli import main

for stream in sys.stdout, sys.stderr:
    stream.reconfigure(errors="replace")  # a terminal that lacks "−" shows "?", not a traceback
sys.exit(main())
