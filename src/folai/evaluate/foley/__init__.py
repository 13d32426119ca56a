"""Scores of the sound model beside simple systems."""
