"""Commands that make files from the code: dvc.yaml, docs/parameters.md, the picture of the rooms."""
