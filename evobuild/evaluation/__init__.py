"""What tuned models are worth."""
