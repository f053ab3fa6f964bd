"""`evobuild store`: the reply cache as a whole."""
