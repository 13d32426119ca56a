"""Sound <-> latents: a fixed log-mel analysis, and a learned synthesis at frame rate.

The latents are the levels of 96 mel bands in dB, each normalised over the training sounds, so there
is nothing to learn on the way in and all can be read by eye. On the way out, after Vocos (Siuzdak,
arXiv 2306.00814), ConvNeXt blocks at frame rate lead to the magnitudes and phases of short spectra,
which an inverse STFT adds up. The magnitudes start from those that the bands say; learning goes
into fine structure and phase.

Frame i of the latents is centred at sample i * hop_length. Before and after the sound is silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KERNEL = 7  # frames
NOISE_LENGTH = 2048  # short spectra after which the noise begins again: 12 s
MOST_DB = 20.0  # highest level of a band: no sound in [-1, 1] comes near it
CORRECTED_DB = 12.0  # the most by which a correction raises or lowers a band
CORRECTION_CONTEXT = 3  # frames on either side that a correction depends on


@dataclass(frozen=True)
class AutoencoderConfig:
    sample_rate: int = 44_100  # Hz
    hop_length: int = 512  # samples a latent frame
    window_length: int = 1024  # samples that a latent frame is computed from
    n_fft: int = 2048  # of the analysis: more points than samples, for the narrow low bands
    latent_channels: int = 96  # mel bands from 0 Hz to half the sample rate
    floor_db: float = -90.0  # added to each band's power, re a full-scale sine: silence
    synthesis_length: int = 1024  # samples of the short spectra that the decoder adds up
    synthesis_hop: int = 256
    noise_from: float = 3_000.0  # Hz above which phases become those of noise,
    noise_above: float = 7_000.0  # and above which they are entirely
    gain_hop: int = 32  # samples between the gains that shape the sum in time
    dim: int = 384  # channels of the blocks
    hidden: int = 1152  # channels inside a block
    num_blocks: int = 8
    corrections: int = 3  # of the decoded sound's levels, towards those of the latents

    def __post_init__(self) -> None:
        for name, divisor in (
            ("hop_length", self.synthesis_hop),
            ("hop_length", self.gain_hop),
            ("synthesis_length", self.synthesis_hop),
            ("synthesis_length", self.hop_length),
        ):
            if getattr(self, name) % divisor:
                raise ValueError(f"{name} is {getattr(self, name)}; give a multiple of {divisor}")
        if not self.hop_length <= self.window_length <= self.n_fft:
            raise ValueError(
                f"window_length is {self.window_length}; "
                f"allowed: {self.hop_length} (hop_length) to {self.n_fft} (n_fft)"
            )

    @property
    def frame_rate(self) -> float:
        """Latent frames per second."""
        return self.sample_rate / self.hop_length


class Autoencoder(nn.Module):
    """Waveform `[B, 1, T]` <-> latents `[B, latent_channels, ceil(T / hop_length)]`."""

    window: Tensor
    filters: Tensor
    band_mean: Tensor
    band_std: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        window = torch.hann_window(config.window_length)
        filters = mel_filters(config.n_fft, config.sample_rate, config.latent_channels)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("filters", filters, persistent=False)  # [bands, bins]
        self.register_buffer("band_mean", torch.full((config.latent_channels, 1), -60.0))  # dB
        self.register_buffer("band_std", torch.full((config.latent_channels, 1), 20.0))  # dB
        self.synthesis = Synthesis(config)

    @property
    def hop_length(self) -> int:
        return self.config.hop_length

    @property
    def latent_channels(self) -> int:
        return self.config.latent_channels

    @property
    def channels(self) -> int:
        """Of sound."""
        return 1

    @property
    def silence(self) -> Tensor:
        """The latent frame [bands, 1] of silence."""
        return (self.config.floor_db - self.band_mean) / self.band_std

    @property
    def context(self) -> int:
        """Frames on either side that a frame of decoded sound depends on."""
        return self.synthesis.context + CORRECTION_CONTEXT * self.config.corrections

    # Analysis

    def encode(self, wav: Tensor, chunk: int | None = None) -> Tensor:
        """[B, 1, T] -> latents [B, bands, ceil(T / hop_length)], `chunk` frames at a time."""
        return (self.levels(wav, chunk) - self.band_mean) / self.band_std

    def levels(self, wav: Tensor, chunk: int | None = None) -> Tensor:
        """[B, 1, T] -> power of each band in dB, a full-scale sine at about 0 dB: [B, bands, F]."""
        if wav.ndim != 3 or wav.shape[1] != 1 or wav.shape[2] == 0:
            raise ValueError(f"wav is {tuple(wav.shape)}; expected [B, 1, T] with T above 0")
        hop, length = self.config.hop_length, self.config.window_length
        num_frames = -(-wav.shape[-1] // hop)
        pieces = []
        for first, last in _pieces(num_frames, chunk):
            start, stop = first * hop - length // 2, (last - 1) * hop - length // 2 + length
            pieces.append(self._levels(_cut(wav[:, 0], start, stop)))
        return torch.cat(pieces, dim=-1)

    def _levels(self, wav: Tensor) -> Tensor:
        """[B, T] -> [B, bands, F] of the windows that fit in whole."""
        config = self.config
        frames = wav.unfold(-1, config.window_length, config.hop_length) * self.window  # [B, F, N]
        spectra = torch.fft.rfft(frames, config.n_fft) * (2 / self.window.sum())
        power = torch.view_as_real(spectra).square().sum(-1) @ self.filters.T  # [B, F, bands]
        return 10 * torch.log10(power + 10 ** (config.floor_db / 10)).transpose(1, 2)

    # Synthesis

    def decode(self, latents: Tensor, chunk: int | None = None) -> Tensor:
        """Latents [B, bands, F] -> [B, 1, F * hop_length], `chunk` frames at a time."""
        bands = self.config.latent_channels
        if latents.ndim != 3 or latents.shape[1] != bands or latents.shape[2] == 0:
            raise ValueError(f"latents are {tuple(latents.shape)}; expected [B, {bands}, F > 0]")
        context = self.context
        pieces = []
        for first, last in _pieces(latents.shape[-1], chunk):
            before, after = first - context, latents.shape[-1] - last - context
            silence = self.silence.to(latents).expand(*latents.shape[:2], -1)
            inside = latents[..., max(before, 0) : last + context]
            padded = torch.cat(
                [
                    silence.expand(-1, -1, max(-before, 0)),
                    inside,
                    silence.expand(-1, -1, max(-after, 0)),
                ],
                dim=-1,
            )
            trim = context * self.hop_length
            pieces.append(self.synthesise(padded, first - context)[:, trim:-trim])
        return torch.cat(pieces, dim=-1).unsqueeze(1)

    def synthesise(self, latents: Tensor, first: int = 0) -> Tensor:
        """Frames from `first` on, [B, bands, F] -> [B, F * hop_length]: nothing is around them."""
        levels = (latents * self.band_std + self.band_mean).clamp(max=MOST_DB)
        wav: Tensor = self.synthesis(latents, levels, first)
        with torch.autocast(wav.device.type, enabled=False):
            for _ in range(self.config.corrections):
                half = self.config.window_length // 2
                padded = F.pad(wav, (half, half - self.hop_length))
                missing = (levels - self._levels(padded)).clamp(-CORRECTED_DB, CORRECTED_DB)
                wav = self.synthesis.amplify(wav, missing)
        return wav


class Synthesis(nn.Module):
    """Normalised latents and the levels they stand for, both [B, bands, F] -> sound [B, T]."""

    window: Tensor
    noise: Tensor
    share: Tensor
    spread: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.spectra = config.hop_length // config.synthesis_hop  # a latent frame
        self.bins = config.synthesis_length // 2 + 1
        dim = config.dim
        self.embed = nn.Conv1d(config.latent_channels, dim, KERNEL, padding=KERNEL // 2)
        self.norm = nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(Block(dim, config.hidden) for _ in range(config.num_blocks))
        self.last_norm = nn.LayerNorm(dim)
        self.magnitude = nn.Linear(dim, self.spectra * self.bins)
        self.phase = nn.Linear(dim, self.spectra * self.bins)
        self.gain = nn.Linear(dim, config.hop_length // config.gain_hop)
        for head in (self.magnitude, self.gain):  # at first just what the bands say
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        self.register_buffer("window", torch.hann_window(config.synthesis_length), persistent=False)
        self.register_buffer(
            "noise", _noise_phases(config), persistent=False
        )  # [NOISE_LENGTH, bins]
        filters = mel_filters(config.n_fft, config.sample_rate, config.latent_channels)
        # Each bin lies between bands. A band's power is shared by its bins, its gain is theirs.
        share = filters.T[:: config.n_fft // config.synthesis_length].contiguous()
        self.register_buffer("share", share, persistent=False)  # [bins, bands]
        self.register_buffer("spread", share / filters.sum(1), persistent=False)  # [bins, bands]

    @property
    def scale(self) -> Tensor:
        """Amplitudes of sines -> magnitudes, over the sum of the overlapping windows."""
        return self.window.sum() / 2 * self.config.synthesis_hop / self.window.square().sum()

    @property
    def context(self) -> int:
        """Frames on either side that a frame of sound depends on."""
        return (self.config.num_blocks + 1) * (KERNEL // 2) + self.spectra + 1

    def forward(self, latents: Tensor, levels: Tensor, first: int) -> Tensor:
        """[B, bands, F] of frames from `first` on, the same in dB -> [B, F * hop_length]."""
        x = self.norm(self.embed(latents).transpose(1, 2))  # [B, F, dim]
        for block in self.blocks:
            x = block(x)
        x = self.last_norm(x)
        shape = (x.shape[0], x.shape[1] * self.spectra, self.bins)
        change = self.magnitude(x).float().view(shape)  # [B, N, bins], N spectra
        places = torch.arange(shape[1], device=x.device) + first * self.spectra
        angle = self.phase(x).float().view(shape) + self.noise[places % NOISE_LENGTH]
        gain = self.gain(x).float().flatten(1)  # [B, F * hop_length / gain_hop]
        with torch.autocast(x.device.type, enabled=False):
            magnitude = self.start(levels.float()) * torch.exp(change.clamp(-8, 4))
            pieces = torch.fft.irfft(torch.polar(magnitude, angle), self.config.synthesis_length)
            # Phase 0 is a pulse at the centre of the window. A sine measures as it will sound.
            pieces = pieces.roll(self.config.synthesis_length // 2, -1) * self.window
            return self.add_up(pieces * self.scale) * self.shape(gain)

    def start(self, levels: Tensor) -> Tensor:
        """Levels [B, bands, F] -> magnitudes [B, N, bins] that would measure as these."""
        floor = 10 ** (self.config.floor_db / 10)
        power = (10 ** (levels / 10) - floor).clamp(min=0).transpose(1, 2)  # [B, F, bands]
        power = self.between(power @ self.spread.T)
        return power.clamp(min=1e-12).sqrt() * (power > 0)

    def amplify(self, wav: Tensor, gain: Tensor) -> Tensor:
        """[B, T] with its bands louder by the gains [B, bands, F] in dB."""
        length, hop = self.config.synthesis_length, self.config.synthesis_hop
        padded = F.pad(wav, (length // 2, length // 2 - hop))
        spectra = torch.fft.rfft(padded.unfold(-1, length, hop) * self.window)  # [B, N, bins]
        factor = 10 ** (self.between(gain.transpose(1, 2) @ self.share.T) / 20)
        scale = hop / self.window.square().sum()
        return self.add_up(torch.fft.irfft(spectra * factor, length) * (self.window * scale))

    def between(self, frames: Tensor) -> Tensor:
        """Values at latent frames [B, F, bins] -> at the short spectra [B, N, bins], linearly."""
        after = torch.cat([frames[:, 1:], frames[:, -1:]], dim=1)
        shares = torch.arange(self.spectra, device=frames.device) / self.spectra
        steps = (after - frames).unsqueeze(2) * shares[:, None]
        return (frames.unsqueeze(2) + steps).flatten(1, 2)

    def add_up(self, pieces: Tensor) -> Tensor:
        """Windowed pieces [B, N, length], centred at n * hop -> sound [B, N * hop]."""
        overlaps = self.config.synthesis_length // self.config.synthesis_hop
        parts = pieces.view(*pieces.shape[:2], overlaps, -1)  # [B, N, overlaps, hop]
        count = parts.shape[1]
        wav = parts.new_zeros(parts.shape[0], count + overlaps - 1, parts.shape[3])
        for index in range(overlaps):
            wav[:, index : index + count] += parts[:, :, index]
        first = overlaps // 2
        sound: Tensor = wav[:, first : first + count].flatten(1)
        return sound

    def shape(self, gain: Tensor) -> Tensor:
        """Logarithms of gains [B, P], gain_hop apart -> gains for every sample [B, P * gain_hop].

        A spectrum of 1024 samples spreads an attack over 23 ms unless all its phases conspire; the
        gains cut off what comes before.
        """
        after = torch.cat([gain[:, 1:], gain[:, -1:]], dim=1)
        shares = torch.arange(self.config.gain_hop, device=gain.device) / self.config.gain_hop
        between = gain.unsqueeze(2) + (after - gain).unsqueeze(2) * shares
        return torch.exp(between.clamp(-7, 3)).flatten(1)


class Block(nn.Module):
    """ConvNeXt: a convolution in time for each channel, then two layers for each frame."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(dim, dim, KERNEL, padding=KERNEL // 2, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, hidden)
        self.narrow = nn.Linear(hidden, dim)
        self.scale = nn.Parameter(torch.full((dim,), 0.125))

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, dim] -> [B, F, dim]."""
        y = self.norm(self.conv(x.transpose(1, 2)).transpose(1, 2))
        y = self.narrow(F.gelu(self.widen(y)))
        return torch.addcmul(x, self.scale, y)


def _noise_phases(config: AutoencoderConfig) -> Tensor:
    """Phases [NOISE_LENGTH, bins] of white noise, faded in over frequency: the same every time.

    High bands are wide, and their levels do not say which phases of their bins are right. Phases
    that follow from the latents alone then settle into lines of constant frequency, heard as a
    whine; those of noise do not. What rings below is left to the network.
    """
    length, hop = config.synthesis_length, config.synthesis_hop
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(NOISE_LENGTH * hop, generator=generator)
    around = torch.cat([noise, noise[: length - hop]])
    spectra = torch.fft.rfft(around.unfold(0, length, hop) * torch.hann_window(length))
    frequency = torch.arange(length // 2 + 1) * (config.sample_rate / length)
    share = (frequency - config.noise_from) / (config.noise_above - config.noise_from)
    phases: Tensor = spectra.angle() * share.clamp(0, 1)
    return phases


def mel_filters(n_fft: int, sample_rate: int, num_bands: int) -> Tensor:
    """Triangles of height 1, each from its neighbours' centre to centre: [bands, n_fft // 2 + 1].

    The centres are evenly spaced on Slaney's scale, linear below 1 kHz, where HTK's would be closer
    together than a short window can tell apart. The bands of any bin sum to 1.
    """
    top = _slaney_mel(torch.tensor(sample_rate / 2, dtype=torch.float64))
    edges = torch.linspace(0, 1, num_bands + 2, dtype=torch.float64) * top
    position = _slaney_mel(torch.arange(n_fft // 2 + 1) * (sample_rate / n_fft)).double()
    distance = (position - edges[1:-1, None]).abs() / edges[1]
    filters = (1 - distance).clamp(min=0)
    filters[0, position <= edges[1]] = 1.0  # nothing is lost at either end
    filters[-1, position >= edges[-2]] = 1.0
    return filters.float()


def _slaney_mel(hz: Tensor) -> Tensor:
    linear = hz.double() / (200 / 3)
    logarithmic = 15 + torch.log(hz.double().clamp(min=1.0) / 1000) * (
        27 / torch.log(torch.tensor(6.4))
    )
    return torch.where(hz < 1000, linear, logarithmic)


def _pieces(num_frames: int, chunk: int | None) -> Iterator[tuple[int, int]]:
    """Ranges of frames that together are all of them."""
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk is {chunk} frames; give 1 or more")
    step = chunk or num_frames
    for first in range(0, num_frames, step):
        yield first, min(first + step, num_frames)


def _cut(x: Tensor, start: int, stop: int, value: float = 0.0) -> Tensor:
    """[..., T] -> [..., stop - start], with `value` where that is outside."""
    inside = x[..., max(start, 0) : max(stop, 0)]
    return F.pad(inside, (max(-start, 0), max(stop - max(x.shape[-1], start, 0), 0)), value=value)
