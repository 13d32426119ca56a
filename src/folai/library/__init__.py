"""One's own recordings: an index, searched by words and by sound, and pools to play from."""
