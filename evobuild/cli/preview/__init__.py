"""`evobuild preview`: a few rows through the line to the answer, before money is spent on all."""
