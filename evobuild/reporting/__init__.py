"""Metrics, report and explorer of a run."""
