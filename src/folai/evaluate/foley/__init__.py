"""The sound model beside simple systems."""
