"""Media files: a clip's pictures on the clock, sound in and out, the finished file."""
