"""Experiments on questions that the paper leaves open, each one section of a report."""
