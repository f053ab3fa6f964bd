"""`evobuild plan`: what a `dvc repro` would run, ask and cost."""
