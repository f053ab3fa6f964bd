"""Measures of rows: difficulty, the IFD family, diversity, reward, tags."""
