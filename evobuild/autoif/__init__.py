"""AutoIF: instructions whose fulfilment a function can check (arXiv:2406.13542)."""
