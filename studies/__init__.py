"""Studies of experiments, which reports draw on: the spread over seeds, what the hardness threshold changes, what a setting
changes, bands for expectations. Seeds, thresholds and variants run the experiment in force through DVC's queue, and the ablation
trains block 1 in folders of its own; the others train nothing."""
