"""Create and upgrade a project: its files and its lock of the library."""
