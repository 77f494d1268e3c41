"""The scans of `lif` and `pool` as compiled kernels for CPUs."""
