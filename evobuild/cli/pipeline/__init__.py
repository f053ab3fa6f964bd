"""Derive dvc.yaml, evobuild.lock and the roster from the declarations of stages."""
