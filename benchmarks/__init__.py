"""This project beside SpikingJelly, snnTorch and Norse on one machine in one run, and its methods beside each other."""

import pipeline  # noqa: F401  sets the thread pool up alike for every implementation, before torch is loaded
