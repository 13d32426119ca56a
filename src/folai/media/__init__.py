"""Media files: a clip opened once, its pictures on the clock, sound in and out, the result."""
