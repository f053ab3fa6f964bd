"""`evobuild explain`: the life of one row."""
