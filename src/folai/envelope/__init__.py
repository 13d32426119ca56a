"""The envelope: how loud a sound is over time, measured, edited, saved. NumPy alone."""

from folai.envelope.envelope import Envelope
from folai.envelope.rms import FRAME_RATE

__all__ = ["FRAME_RATE", "Envelope"]
