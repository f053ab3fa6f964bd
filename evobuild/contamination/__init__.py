"""Text that rows share with evaluation sets."""
