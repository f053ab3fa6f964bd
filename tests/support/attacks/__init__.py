"""The corpus that the sandbox is held against."""
