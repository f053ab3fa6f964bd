"""Contracts: expectations of tables, which users edit, and their results."""
