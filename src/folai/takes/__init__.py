"""What every take passes through, whichever engine made it: clean, level, placed. No PyTorch."""
