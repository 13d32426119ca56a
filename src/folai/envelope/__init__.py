"""The envelope: how loud a sound is over time, measured, edited, saved. NumPy alone."""

from folai.envelope.envelope import FRAME_RATE, Envelope

__all__ = ["FRAME_RATE", "Envelope"]
