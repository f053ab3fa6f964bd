"""Figures, report and explorer of what was made."""
