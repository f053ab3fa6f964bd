"""The version of the library. It is of no stage: a new one alone makes nothing stale (.dvcignore)."""

__version__ = "0.9.0"
