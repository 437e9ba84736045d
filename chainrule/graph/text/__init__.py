"""The graph in words: its steps, the table of them, one gradient worked out."""
