"""`evobuild explain`: the history of one row."""
