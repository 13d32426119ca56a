"""Stable Audio Open at full size: its config, its files, its conditioning and how it is run."""
