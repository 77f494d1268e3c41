"""BlocTrain (Srinivasan and Roy 2021): block-wise training and early-exit inference of deep spiking networks.

The packages follow the data flow, and imports point back along it only:
config -> data -> encoding -> neuron -> network -> training -> partition -> inference -> accounting -> reporting.
`files`, `errors` and `seeding` are used by all of them. Spike trains are `[T, B, C, H, W]`, time-major, everywhere.
"""

import os

# Idle threads of an OpenMP pool sleep after some 20 microseconds instead of spinning: as fast on an idle machine, and many
# times faster where something else runs too. The runtime reads this when it is loaded, so it must be set before torch is.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")
