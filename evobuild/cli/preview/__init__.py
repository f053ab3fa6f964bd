"""`evobuild preview`: run a few rows through all rounds, before paying for all rows."""
