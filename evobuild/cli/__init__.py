"""The commands of `python -m evobuild`, a module or folder each; no stage but `check` imports any."""
