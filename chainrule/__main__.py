"""python -m chainrule."""

import sys
from io import TextIOWrapper

from .cli import main

for stream in sys.stdout, sys.stderr:
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")  # a terminal that lacks "−" shows "?", not a traceback
sys.exit(main())
