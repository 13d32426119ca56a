"""The small trained sound model: conditioning, sampling, any length."""
