"""The sound of one thing striking or scraping another, computed from what the things are made of.

Three ingredients, mixed by a recipe per material:

- `Modes`: a solid body rings at the frequencies of its shape, each mode dying away on its own
  (van den Doel & Pai, "The sounds of physical shapes", Presence 1998). A mode of frequency f decays
  at `support + pi * f * loss` nepers per second: the internal friction `loss` = tan(phi) is what
  tells the ear wood from metal (Wildes & Richards 1988; Klatzky, Pai & Krotkov, Presence 2000).
- `Burst`: the dense, quickly damped rest that no list of modes holds: a band of decaying noise
  (Serra & Smith, "Spectral modeling synthesis", 1990).
- `Particles`: many small collisions, Poisson in time, each a short damped tone (Cook, "Physically
  informed sonic modeling", CMJ 1997): pebbles, leaves, and with a rising pitch the bubbles of water
  (van den Doel, "Physically based models for liquid sounds", ACM TAP 2005).

An `Impactor` is one object. Its strikes differ in place, force and hardness; its modes stay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from folai.preview.materials import MATERIALS, RECIPES, Burst, Material, Particles

Wav = NDArray[np.float32]
Curve = NDArray[np.float64]


_MAX_MODES = 40
_MAX_RING = 2.5  # seconds
_PARTICLE_LENGTH = 8.0  # 1/e times after which a particle is cut: 69 dB down


# Shapes: frequency ratios to the lowest mode, ascending, with wave numbers [N, 2] along x and y.


def _plate(rng: Generator) -> tuple[Curve, Curve]:
    """A simply supported rectangular plate: f is proportional to (m / a)^2 + (n / b)^2."""
    aspect = rng.uniform(1.1, 2.6)
    m, n = (grid.ravel() for grid in np.meshgrid(np.arange(1, 12), np.arange(1, 12)))
    ratios = (m**2 + (aspect * n) ** 2) / (1 + aspect**2)
    order = np.argsort(ratios)
    return ratios[order], np.stack([m, n], axis=1)[order].astype(float)


def _bowl(rng: Generator) -> tuple[Curve, Curve]:
    """A ring's bending modes, k(k^2-1)/sqrt(k^2+1) (Rayleigh), each split in two that beat.

    No real bowl is round enough to keep the two directions of a mode at the same pitch.
    """
    k = np.repeat(np.arange(2.0, 12.0), 2)
    ratios = k * (k**2 - 1) / np.sqrt(k**2 + 1)
    split = np.tile([0.0, 1.0], k.size // 2) * rng.uniform(0.001, 0.008, k.size)
    return ratios / ratios[0] * (1 + split), np.stack([k, np.tile([0.0, 0.5], k.size // 2)], axis=1)


def _membrane(rng: Generator) -> tuple[Curve, Curve]:
    """A round membrane: the zeros of the Bessel functions J_m over the first one, 2.405."""
    zeros = [2.405, 3.832, 5.136, 5.520, 6.380, 7.016, 7.588, 8.417, 8.654, 8.771, 9.761, 10.173]
    circles = [0, 1, 2, 0, 3, 1, 4, 2, 0, 5, 3, 1]
    return np.array(zeros) / zeros[0], np.stack([circles, np.arange(12)], axis=1).astype(float)


_SHAPES: dict[str, Callable[[Generator], tuple[Curve, Curve]]] = {
    "plate": _plate,
    "bowl": _bowl,
    "membrane": _membrane,
}


@dataclass(frozen=True)
class Impactor:
    """One object: strike it or scrape it as often as you like, it stays itself.

    `frequencies` (Hz), `decays` (nepers/s) and `phases` are [N]; `waves` are [N, 2], periods of the
    mode shapes along the object's two directions. N is 0 for what does not ring.
    """

    recipe: Material
    sample_rate: int
    frequencies: Curve
    decays: Curve
    phases: Curve
    waves: Curve

    @classmethod
    def of(cls, material: str, sample_rate: int, rng: Generator) -> Impactor:
        """A new object of this material, its size and shape drawn from `rng`."""
        if material not in RECIPES:
            raise ValueError(f"no sound named {material!r}: choose one of {', '.join(MATERIALS)}")
        if sample_rate < 8000:
            raise ValueError(f"sample_rate {sample_rate} Hz is too low: give 8000 Hz or more")
        recipe = _tinted(RECIPES[material], rng.lognormal(0, 0.25))
        modes = recipe.modes
        if modes is None:
            nothing = np.zeros(0)
            return cls(recipe, sample_rate, nothing, nothing, nothing, np.zeros((0, 2)))
        ratios, waves = _SHAPES[modes.shape](rng)
        pitch = np.exp(rng.uniform(*np.log(modes.pitch)))
        # Real things are neither uniform nor exactly shaped: the textbook ratios are loosened.
        frequencies = pitch * ratios * np.exp(rng.normal(0.0, 0.02, ratios.size))
        damping = rng.lognormal(0.0, 0.35) * rng.lognormal(0.0, 0.15, ratios.size)
        decays = damping * (modes.support + np.pi * frequencies * modes.loss)
        keep = np.flatnonzero(frequencies < 0.45 * sample_rate)[:_MAX_MODES]
        phases = rng.uniform(0, np.pi, ratios.size)
        audible = (frequencies[keep], decays[keep], phases[keep], waves[keep])
        return cls(recipe, sample_rate, *audible)

    def strike(self, rng: Generator, *, level: float = 1.0, hardness: float | None = None) -> Wav:
        """One blow [T] that starts at sample 0, its highest sample at `level`.

        `hardness` from 0 (felt) to 1 (steel) shortens the contact and so brightens the sound; None
        draws it near the middle, harder for a stronger blow as Hertz' law has it.
        """
        if not 0 <= level <= 1:
            raise ValueError(f"level {level} is not allowed: give a peak between 0 and 1")
        if hardness is not None and not 0 <= hardness <= 1:
            raise ValueError(f"hardness {hardness} is not allowed: give 0 (soft) to 1 (hard)")
        if hardness is None:
            hardness = float(np.clip(0.25 + 0.5 * level + rng.normal(0, 0.1), 0, 1))
        recipe = self.recipe
        wav = self._blow(hardness, rng)
        if recipe.roll is not None:
            delay = round(rng.uniform(*recipe.roll) * self.sample_rate)
            second = self._blow(0.4 * hardness, rng) * rng.uniform(0.25, 0.55)
            wav = _mix([(wav, 0), (second, delay)])
        wav[-64:] *= np.linspace(1, 0, wav[-64:].size)
        return np.asarray(wav * (level / np.abs(wav).max()), np.float32)

    def scrape(self, rng: Generator, seconds: float) -> Wav:
        """A steady scraping, rolling or stirring of the object, [T] with an RMS of 0.1."""
        if not 0.01 <= seconds <= 600:
            raise ValueError(f"a texture of {seconds} s is not allowed: ask for 0.01 to 600 s")
        recipe = self.recipe
        num_samples = round(seconds * self.sample_rate)
        wav = np.zeros(num_samples)
        if recipe.modes is not None:
            wav += 0.5 * recipe.modes.share * _unit(self._rub(num_samples, rng))
        if recipe.burst is not None:
            noise = _noise(num_samples, recipe.burst.band, self.sample_rate, rng)
            wav += recipe.burst.share * _unit(noise)
        wav = wav * _roughness(num_samples, self.sample_rate, rng)
        if recipe.particles is not None:
            grains = _stir(recipe.particles, num_samples, self.sample_rate, rng)
            wav += recipe.particles.share * _unit(grains)
        return (0.1 * _unit(wav)).astype(np.float32)

    def _blow(self, hardness: float, rng: Generator) -> Curve:
        """One contact [T]: the modes it sets ringing, its noise and what it scatters."""
        recipe = self.recipe
        parts = []
        if recipe.modes is not None:
            parts.append(recipe.modes.share * _peak(self._ring(hardness, rng)))
        if recipe.burst is not None:
            noise = _burst(recipe.burst, hardness, self.sample_rate, rng)
            parts.append(recipe.burst.share * rng.uniform(0.7, 1.4) * _peak(noise))
        if recipe.particles is not None:
            scattered = _scatter(recipe.particles, self.sample_rate, rng)
            parts.append(recipe.particles.share * rng.uniform(0.7, 1.4) * _peak(scattered))
        return _mix([(part, 0) for part in parts])

    def _gains(self, position: Curve) -> Curve:
        """How strongly each mode answers a blow at `position` [2] in [0, 1], [N].

        A cosine of the right wave number with the object's own phase stands in for the true mode
        shape: it keeps what is heard, that the place changes the balance of the modes, smoothly,
        and faster the higher the mode.
        """
        shape = np.cos(np.pi * self.waves @ position + self.phases)
        return np.asarray(shape * (self.frequencies / self.frequencies[0]) ** -0.5)

    def _ring(self, hardness: float, rng: Generator) -> Curve:
        """The sum of the struck, dying modes [T].

        The force is a raised cosine of length tau, whose spectrum sinc(f tau) / (1 - (f tau)^2)
        weighs the modes: a soft, long contact does not reach the high ones.
        """
        hard, soft = self.recipe.contact
        reach = self.frequencies * soft * (hard / soft) ** hardness
        reach = np.where(np.abs(reach - 1) < 1e-3, 1.001, reach)
        force = np.abs(np.sinc(reach) / (1 - reach**2))
        gains = self._gains(rng.uniform(0, 1, 2)) * force
        seconds = min(6.9 / self.decays.min(), _MAX_RING)
        return _decaying_tones(self.frequencies, self.decays, gains, seconds, self.sample_rate)

    def _rub(self, num_samples: int, rng: Generator) -> Curve:
        """Noise heard through the resonances of the body [T]: friction excites all modes at once.

        Each mode is a resonance of half-width decay_k / 2 pi, 8 Hz at least since what rubs also
        damps. The force of a rough surface falls with frequency (van den Doel, Kry & Pai,
        "FoleyAutomatic", 2001: as a fractal, between f^0 and f^-1).
        """
        spectrum = np.fft.rfft(rng.standard_normal(_fast_length(num_samples)))
        f = np.linspace(0, self.sample_rate / 2, spectrum.size)
        gains = np.abs(self._gains(rng.uniform(0, 1, 2)))
        power = np.zeros(f.size)
        for frequency, decay, gain in zip(self.frequencies, self.decays, gains, strict=True):
            width = max(decay / (2 * np.pi), 8.0)
            power += gain**2 * width / ((f - frequency) ** 2 + width**2)
        force = (1 + f / 500) ** -0.6
        return np.fft.irfft(spectrum * force * np.sqrt(power))[:num_samples]


def _tinted(recipe: Material, tint: float) -> Material:
    """The recipe of one object: its noise is higher by the ratio `tint`."""

    def scaled(band: tuple[float, float]) -> tuple[float, float]:
        return band[0] * tint, band[1] * tint

    burst, particles = recipe.burst, recipe.particles
    return replace(
        recipe,
        burst=burst and replace(burst, band=scaled(burst.band)),
        particles=particles and replace(particles, band=scaled(particles.band)),
    )


def impact(
    material: str,
    *,
    rng: Generator,
    level: float = 1.0,
    hardness: float | None = None,
    sample_rate: int = 44100,
) -> Wav:
    """A new object of `material`, struck once: [T], starting at sample 0 (see `Impactor.strike`).

    Raises ValueError for an unknown material, or a level or hardness outside [0, 1].
    """
    return Impactor.of(material, sample_rate, rng).strike(rng, level=level, hardness=hardness)


def texture(material: str, seconds: float, *, rng: Generator, sample_rate: int = 44100) -> Wav:
    """A new object of `material`, scraped, rolled or stirred: [T] with an RMS of 0.1."""
    return Impactor.of(material, sample_rate, rng).scrape(rng, seconds)


def _decaying_tones(
    frequencies: Curve, decays: Curve, gains: Curve, seconds: float, sample_rate: int
) -> Curve:
    """sum_k gains_k exp(-decays_k t) sin(2 pi frequencies_k t), [T], without a sine per sample.

    With t = (b B + r) / sample_rate the exponential splits into a factor of the block b and one of
    the place r within it, so the sum over modes is the matrix product of two small tables.
    """
    block = 512
    num_blocks = -(-round(seconds * sample_rate) // block)
    rate = (2j * np.pi * frequencies - decays) / sample_rate  # [N], per sample
    starts = np.exp(rate * block * np.arange(num_blocks)[:, None]) * gains  # [blocks, N]
    within = np.exp(rate[:, None] * np.arange(block))  # [N, block]
    tones = (starts.astype(np.complex64) @ within.astype(np.complex64)).imag
    return np.asarray(tones.reshape(-1), np.float64)


def _burst(burst: Burst, hardness: float, sample_rate: int, rng: Generator) -> Curve:
    """The contact's own noise [T]: a softer blow is duller by up to two octaves."""
    low, high = burst.band
    num_samples = round(sample_rate * (burst.attack + 6 * burst.decay))
    noise = _noise(num_samples, (low, high * 4 ** (hardness - 0.75)), sample_rate, rng)
    t = np.arange(num_samples) / sample_rate
    decay = burst.decay * np.exp(rng.normal(0, 0.15))
    return np.asarray(noise * np.minimum(t / burst.attack, 1) * np.exp(-t / decay))


def _scatter(particles: Particles, sample_rate: int, rng: Generator) -> Curve:
    """The collisions after one blow [T]: ever fewer, the first at once."""
    starts = rng.exponential(particles.spread, max(1, rng.poisson(particles.count)))
    starts -= starts.min()
    loudness = np.exp(-0.5 * starts / particles.spread)
    return _collide(particles, starts, loudness, sample_rate, rng)


def _stir(particles: Particles, num_samples: int, sample_rate: int, rng: Generator) -> Curve:
    """Collisions that go on at the rate of a blow's beginning [T]."""
    seconds = num_samples / sample_rate
    # More than 2 000 a second fuse into noise that the burst already holds.
    rate = min(particles.count / (2 * particles.spread), 2000.0)
    starts = rng.uniform(0, seconds, max(1, rng.poisson(rate * seconds)))
    wav = _collide(particles, starts, np.ones(starts.size), sample_rate, rng)
    return np.pad(wav, (0, max(0, num_samples - wav.size)))[:num_samples]


def _collide(
    particles: Particles, starts: Curve, loudness: Curve, sample_rate: int, rng: Generator
) -> Curve:
    """Damped tones, one per collision, at `starts` (seconds): [T].

    For a bubble Minnaert's f = 3 / r (Hz, metres) and van den Doel's damping 0.13 / r +
    0.0072 r^-1.5 give a quality pi f / damping of 26 to 40 from 3 kHz down to 0.5 kHz: `quality`.
    Low ones come from larger particles and are louder.
    """
    low, high = np.log(particles.band)
    frequencies = np.exp(rng.uniform(low, high, starts.size))
    damping = np.pi * frequencies / particles.quality  # nepers/s
    gains = loudness * rng.lognormal(0, 0.6, starts.size) * (frequencies / 1000) ** -0.5
    first = np.round(starts * sample_rate).astype(int)
    lengths = np.ceil(_PARTICLE_LENGTH / damping * sample_rate).astype(int)
    wav = np.zeros(int((first + lengths).max()))
    t = np.arange(lengths.max()) / sample_rate
    for start, length, f, d, gain in zip(first, lengths, frequencies, damping, gains, strict=True):
        s = t[:length]
        cycles = f * s * (1 + 0.5 * particles.rise * d * s)  # pitch f (1 + rise d s)
        wav[start : start + length] += gain * np.exp(-d * s) * np.sin(2 * np.pi * cycles)
    return wav


def _noise(num_samples: int, band: tuple[float, float], sample_rate: int, rng: Generator) -> Curve:
    """Noise [T] that falls by 12 dB an octave outside `band`, Hz."""
    spectrum = np.fft.rfft(rng.standard_normal(_fast_length(num_samples)))
    f = np.linspace(0, sample_rate / 2, spectrum.size)
    low, high = band
    shape = f**2 / np.hypot(f**2, low**2) / np.hypot(1, (f / high) ** 2)
    return np.fft.irfft(spectrum * shape)[:num_samples]


def _roughness(num_samples: int, sample_rate: int, rng: Generator) -> Curve:
    """A slow random gain [T] around 1: surfaces are uneven, hands unsteady (5 to 40 Hz)."""
    knots = max(4, round(num_samples / sample_rate * 40))
    gains = np.exp(rng.normal(0, 0.35, knots))
    return np.interp(np.linspace(0, knots - 1, num_samples), np.arange(knots), gains)


def _mix(parts: list[tuple[Curve, int]]) -> Curve:
    """The sum of sounds [T], each from its own start sample."""
    wav = np.zeros(max(start + part.size for part, start in parts))
    for part, start in parts:
        wav[start : start + part.size] += part
    return wav


def _peak(wav: Curve) -> Curve:
    return wav / max(float(np.abs(wav).max()), 1e-12)


def _unit(wav: Curve) -> Curve:
    return wav / max(float(np.sqrt(np.mean(wav**2))), 1e-12)


def _fast_length(num_samples: int) -> int:
    """The power of two that holds `num_samples`: the quickest transform."""
    return 1 << max(4, int(num_samples - 1).bit_length())
