"""What every package stands on: errors, files, folders, named random generators, sections of parameters."""
