"""Fast inference (Algorithm 3): replayed from stored outputs, and run for real with early exit."""
