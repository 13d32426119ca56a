"""Trainings, one readable loop a file; what they share is in `loop`."""
