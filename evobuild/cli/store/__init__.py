"""`python -m evobuild store`: the kept replies as a whole."""
