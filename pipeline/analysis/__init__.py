"""What reports, studies and benchmarks share: the look of figures, tables as text, and whether a difference is more than noise."""
