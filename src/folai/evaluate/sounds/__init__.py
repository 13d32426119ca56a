"""Folders of sounds against the truth."""
