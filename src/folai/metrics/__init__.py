"""Figures as pure functions on arrays."""
