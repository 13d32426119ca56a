"""The mapper against clips with sound, drawn clips, and taught clips."""
