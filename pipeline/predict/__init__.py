"""A finished run as a library: load its networks, give them images, get answers."""
