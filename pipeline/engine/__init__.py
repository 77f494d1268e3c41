"""What computes synapses and neurons over whole spike trains: one contract, the reference, and faster ways to the same."""
