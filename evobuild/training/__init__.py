"""Fine-tuning, and the toy base model."""
