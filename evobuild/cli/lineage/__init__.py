"""`evobuild lineage`: what an exported row, or a file, came from."""
