"""A take as it is handed over: at its envelope's loudness, in its room, placed, without overs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from folai.envelope import Envelope
from folai.envelope.rms import centred_rms
from folai.metrics.lufs import k_weighted
from folai.takes.loudness import Weighted, gain_to, step_powers, wanted_loudness
from folai.takes.noise import Noise, bed
from folai.takes.options import FinishOptions
from folai.takes.placing import placed
from folai.takes.true_peak import limited

Wav = NDArray[np.float32]

PASSES = 3  # of level and limiter, which takes a little of the loudness away
CLOSE = 0.1  # LU


def finished(
    wav: Wav,
    sample_rate: int,
    envelope: Envelope,
    options: FinishOptions = FinishOptions(),
    *,
    noise: Noise | None = None,
    seed: int = 0,
    weighted: Weighted = k_weighted,
) -> Wav:
    """A take [C, T] as an engine made it -> as it is handed over, [C, T] or [2, T].

    noise: of the reference, for `options.room`. seed: of the take. weighted: how its loudness is
    measured.
    """
    if not wav.any():
        return wav
    if options.room > 0 and noise is not None:
        loudest = float(centred_rms(wav, sample_rate, 250.0).max())
        rms = options.room * noise.level * loudest
        wav = wav + bed(noise, wav.shape[1], rms, seed)
    if options.pan != "off" and envelope.pan is not None:
        wav = placed(wav, sample_rate, envelope)
    wanted = wanted_loudness(envelope)
    for _ in range(PASSES):
        steps = step_powers(wav, sample_rate, weighted)
        missing = gain_to(wanted, steps) if np.isfinite(wanted) else 0.0
        if abs(missing) < CLOSE:
            break
        louder = wav * np.float32(10 ** (missing / 20))
        wav = limited(louder, sample_rate)
        if wav is louder:  # no peak was in the way
            return wav
    return limited(wav, sample_rate)
