"""BlocTrain (Srinivasan and Roy 2021): block-wise training and early-exit inference of deep spiking networks.

The packages follow the data flow, and imports point back along it only:
config -> data -> encoding -> neuron -> network -> training -> partition -> inference -> accounting -> reporting.
`files`, `errors` and `seeding` are used by all of them. Spike trains are `[T, B, C, H, W]`, time-major, everywhere.
"""
