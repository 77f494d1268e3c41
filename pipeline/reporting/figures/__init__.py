"""The counterparts of the figures in the paper, and those of this project."""
