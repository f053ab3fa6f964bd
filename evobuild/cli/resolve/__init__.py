"""What each stage reads under these settings, and what is left of rounds and pools that are no more."""
