"""A training as it runs: one process or many, checkpoints, errors."""
