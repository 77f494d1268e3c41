"""What the paper states, how a claim is judged, and which experiment answers it."""
