"""Clips and recordings as training and evaluation read them."""
