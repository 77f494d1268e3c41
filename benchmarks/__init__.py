"""This project beside SpikingJelly, snnTorch and Norse on one machine in one run, and its methods beside each other."""
