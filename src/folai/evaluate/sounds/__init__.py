"""Folders of generated sounds against the true ones."""
