"""The search for the operation that made the first nan or infinity: `cr.debug`."""
