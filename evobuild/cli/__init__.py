"""The commands of `evobuild`, a module or folder each; no stage but `check` imports any."""
