"""Answers to instructions, and what makes an answer a failure."""
