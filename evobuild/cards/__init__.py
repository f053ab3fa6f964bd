"""What a data set says of itself: its card, and its description in Croissant."""
