"""Published experiments: how an entry is stored, read, checked and made."""
