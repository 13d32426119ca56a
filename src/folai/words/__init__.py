"""English words as vectors, and what each means to the sound model. NumPy alone."""
