"""Recipes for the tables and figures of the two papers; README.md lists them."""
