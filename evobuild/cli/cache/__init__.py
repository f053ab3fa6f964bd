"""`evobuild cache`: export, import and prune the reply cache."""
