"""One thin script per DVC stage: parse, call `pipeline`, write. Run as `python -m stages.<name> [block]`."""
