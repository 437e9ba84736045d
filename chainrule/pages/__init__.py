"""What the pages have in common: each is one HTML file with its style, script and data inside, and loads nothing."""
