"""Stable Audio 3 at full size: its files, its conditioning, how it is sampled and steered."""
