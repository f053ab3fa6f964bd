"""evobuild: a declarative build system, on DVC, for evolved instruction-tuning data."""

__version__ = "0.2.0"
