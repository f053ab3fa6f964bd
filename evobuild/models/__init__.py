"""Models: their names (`uri`), the one door to chat models (`door`), engines, the reply store, weights."""
