"""The sections of docs/proof.md. Each module has a function that measures and returns Markdown."""
