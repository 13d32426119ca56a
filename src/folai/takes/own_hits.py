"""What is alone in a take is heard as in the recording: its tail, or the whole hit.

A model that knows levels of bands is good at what lies close together and at what lasts. A hit that
is alone is heard in all its detail, and the recording has that: where it holds several hits they
take the place of the model's, where it holds one or two their tails do, so that attacks still vary.
Nothing but the sound says when it ends; it is drawn half of the way to the curve, in dB, as a tail
that follows it would be cut off, or raised until its room is heard.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from folai.envelope import Envelope
from folai.envelope.lone_hits import lone_hits
from folai.envelope.rms import centred_rms, gaussian_smooth

Wav = NDArray[np.float32]
Floats = NDArray[np.float64]

WHOLE = (-0.004, -0.002)  # seconds after the onset in which the recording takes over, of a hit
TAIL = (0.010, 0.045)  # and of its tail alone
SHORTEST = 0.08  # seconds to the next onset from which a hit is heard by itself
GIVEN_BACK = 0.010  # seconds in which it ends before the next sound
SEVERAL = 3  # events of a recording from which on its hits differ enough to be heard whole
DRAWN, DRAWN_DB = 0.5, 6.0  # share of the way to the curve, and dB that this is at most
RATE = 250.0  # Hz of levels
SLOW = 0.008  # seconds over which the level is changed


def with_own_hits(wav: Wav, laid: Wav, sample_rate: int, envelope: Envelope, *, whole: bool) -> Wav:
    """A take [C, T] with the lone hits that `laid` [C, T] has there: `whole`, or their tails.

    laid: the recording's events along the same envelope, with natural tails. What does not die away
    by itself, such as rain, follows the curve there.
    """
    begin, over = WHOLE if whole else TAIL
    wav, gains = wav.copy(), _gains(laid, sample_rate, envelope)
    for hit in lone_hits(envelope.leveled(), SHORTEST):
        first, stop = (round(at * sample_rate) for at in (hit.onset + begin, hit.stop))
        places = np.arange(max(0, first), min(wav.shape[1], stop))
        t = places / sample_rate
        rise = (t - hit.onset - begin) / (over - begin)
        fall = (hit.stop - t) / GIVEN_BACK
        turn = np.pi / 2 * np.clip(np.minimum(rise, fall), 0, 1)  # to the recording
        drawn = laid[:, places] * np.interp(t * RATE, np.arange(gains.size), gains)
        wav[:, places] = np.cos(turn) * wav[:, places] + np.sin(turn) * drawn
    return wav


def _gains(laid: Wav, sample_rate: int, envelope: Envelope) -> Floats:
    """From the level of `laid` half of the way to the envelope's: linear, at RATE."""
    measured = centred_rms(laid, sample_rate, RATE)
    wanted = envelope.leveled().at(np.arange(measured.size) / RATE)
    floor = 1e-3 * max(float(envelope.values.max()), 1e-9)  # below it nobody hears the difference
    missing = DRAWN * 20 * np.log10((wanted + floor) / (measured + floor))
    smooth = gaussian_smooth(np.clip(missing, -DRAWN_DB, DRAWN_DB), SLOW * RATE)
    return np.asarray(10 ** (smooth / 20))
