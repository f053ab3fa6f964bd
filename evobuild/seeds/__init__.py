"""Seed data: fetched, read from what users bring, split into r0 and held-out rows."""
