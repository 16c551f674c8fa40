"""Statistics of boots: pure functions over numbers."""
