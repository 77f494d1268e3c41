"""Where images may leave, as tables name it."""

DEPTH, BOTH, TIME = "depth", "depth and time", "time, end to end"
