"""`evobuild serve`: the report and the explorer over HTTP on this machine, while a run goes on."""
