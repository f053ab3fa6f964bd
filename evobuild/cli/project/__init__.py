"""A project of one's own: its files, its lock of the library, and how both are renewed."""
