"""lint: what is wrong with a training step, found by running it and undoing that."""
