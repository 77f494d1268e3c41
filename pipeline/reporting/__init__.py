"""From result files to tables, figures, checks and the page, each next to the paper's values. Imports no torch."""
