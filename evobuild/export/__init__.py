"""The data set in the formats of those who train on it."""
