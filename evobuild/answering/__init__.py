"""Answer instructions, and detect failed answers."""
