"""`evobuild serve`: serve the report and the explorer over HTTP on this machine during a run."""
