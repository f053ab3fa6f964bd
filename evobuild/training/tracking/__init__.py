"""What is shown of a training while it runs, and kept of it."""
