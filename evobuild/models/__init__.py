"""Chat models: the one door (`door`), what goes through it (`request`), the reply store, the engines."""
