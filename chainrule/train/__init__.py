"""A training run: fit, its callbacks, and what looks at a model before and after."""
