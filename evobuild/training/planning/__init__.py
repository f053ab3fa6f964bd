"""What a training takes: operations, memory, time."""
