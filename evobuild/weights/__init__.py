"""Models in this process by their weights: found, named by content, loaded, and the losses they give."""
