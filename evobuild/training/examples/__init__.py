"""Rows as examples to learn from, in a chat template."""
