"""What reports, studies and benchmarks share: the look of figures, tables as text, and what is noise."""
