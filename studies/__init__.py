"""Studies of experiments, which reports draw on: the spread over seeds, what the hardness threshold changes, what a setting
changes, bands for expectations. Each runs the experiment in force through DVC's queue."""
