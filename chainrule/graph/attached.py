"""Methods of Graph whose code stands above it: chainrule/__init__.py names them, before views.py is loaded."""

from typing import Any

attached: dict[str, Any] = {}
