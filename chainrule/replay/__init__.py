"""The replay of a training run: a recorder that fit calls, and the page it becomes."""
