"""Evolution: methods, operations, one step, one round, and the loop that improves a method."""
