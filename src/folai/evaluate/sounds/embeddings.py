"""What a sound is like, as a vector: for distances between sets of sounds, and for likeness.

Those that need weights of yours are in `nets`: CLAP, MS-CLAP and PANNs.

aiSFX (Ma and Lerch, ISMIR 2022) was trained to tell sound effects apart: 512 numbers a block of
2.3 s. It is used where its package is installed (`pip install --no-deps aisfx==0.1.2`: its code is
MIT, its weights are CC BY 4.0); only its weights are read, by the lines below. Where it is absent,
the mean and deviation of 96 log-mel bands have to do. `Embedder.name` says which it was.

The input is that of the published training, as Essentia computes it: 44.1 kHz, symmetric Hann
windows of 2048 every 1024, HTK mel filters of unit sum, log10(1 + 10^4 power) over 9.4578. Sounds
are brought to peak 1 first, so that level says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]
Blocks = NDArray[np.float32]

SAMPLE_RATE = 44100  # Hz
N_FFT, HOP_LENGTH, NUM_BANDS = 2048, 1024, 96
SCALE = 9.457798957824707  # the highest value in the published training
BLOCK, BLOCK_HOP = 100, 50  # frames: 2.3 s, and 1.2 s from one to the next
INSTALL = "pip install --no-deps aisfx==0.1.2"
NETS = ("clap", "ms-clap", "panns")  # with weights of the user's
_AT_ONCE = 8  # blocks: bounds the memory


@dataclass(frozen=True)
class Embedder:
    """`vectors` turns sound [T] at 44.1 kHz into [N, D], a row a stretch of it, at least one.

    `tags`, where it is there, gives class probabilities [C] of it, `words` the vector [D] of text.
    """

    name: str
    vectors: Callable[[NDArray[Any]], Floats]
    tags: Callable[[NDArray[Any]], Floats] | None = None
    words: Callable[[str], Floats] | None = None
    weights: Path | None = None  # where they are the user's

    @property
    def key(self) -> str:
        """Changes with the weights: names what was embedded before."""
        if self.weights is None:
            return self.name
        files = [self.weights] if self.weights.is_file() else sorted(self.weights.iterdir())
        stamps = ((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)
        return f"{self.name} {[*stamps]}"

    def embed(self, wav: ArrayLike) -> Floats:
        """[N, D] of sound [T] or [1, T] at 44.1 kHz, a row a block, at least one.

        Raises ValueError for sound that is empty or not finite.
        """
        return self.vectors(checked(wav))

    def mean(self, wav: ArrayLike) -> Floats:
        """[D] of sound [T]: the mean of its blocks."""
        return np.asarray(self.embed(wav).mean(axis=0))

    def means(self, wavs: Sequence[ArrayLike]) -> Floats:
        """[N, D] of N sounds."""
        return np.stack([self.mean(wav) for wav in wavs])


def load_embedder(name: str | None = None) -> Embedder:
    """aiSFX where it is installed, else log-mel statistics; or the one of that name.

    Names with weights of yours are `clap=FOLDER`, `ms-clap=FILE` and `panns=FILE`.
    Raises ValueError for another name, ImportError for a package that is absent.
    """
    kind, _, path = (name or "").partition("=")
    if path and kind in NETS:
        return load_net(kind, Path(path))
    if name not in (None, "aisfx", "log-mel"):
        nets = ", ".join(f"{net}=PATH" for net in NETS)
        raise ValueError(f"embedding is {name!r}; use aisfx or log-mel, or {nets}")
    package = find_spec("aisfx") if name != "log-mel" else None
    if package is None or package.origin is None:
        if name == "aisfx":
            raise ImportError(f"the embedding aisfx is not installed: {INSTALL}")
        return Embedder("log-mel", describe)
    network = _Network.load(Path(package.origin).parent / "models" / "checkpoint.pth")
    return Embedder("aisfx", lambda wav: network(cut_blocks(log_mel(wav))))


def load_net(kind: str, path: Path) -> Embedder:
    """One of `NETS` with the weights at `path`. Raises ValueError where they do not fit."""
    if not path.exists():
        raise ValueError(
            f"{path}: no weights of {kind} here; give the file or folder that has them"
        )
    from folai.evaluate.sounds import nets

    loaders = {"clap": nets.load_clap, "ms-clap": nets.load_ms_clap, "panns": nets.load_panns}
    return replace(loaders[kind](path), weights=path)


def describe(wav: ArrayLike) -> Floats:
    """[N, 2 NUM_BANDS]: mean and deviation of the log-mel bands of each block of sound [T]."""
    return _statistics(cut_blocks(log_mel(wav)))


def checked(wav: ArrayLike) -> NDArray[np.float64]:
    """[T] of sound [T] or [1, T]. Raises ValueError for sound that is empty or not finite."""
    samples = np.asarray(wav, dtype=np.float64).reshape(-1)
    if not samples.size or not np.isfinite(samples).all():
        raise ValueError("sound is empty, or holds NaN or infinite samples: nothing to embed")
    return samples


def log_mel(wav: ArrayLike) -> Blocks:
    """[frames, NUM_BANDS], about 0 to 1, of sound [T] or [1, T]; frame i is centred at 1024 i."""
    samples = checked(wav)
    samples = np.pad(samples / max(np.abs(samples).max(), 1e-9), N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(samples, N_FFT)[::HOP_LENGTH]
    power = np.abs(np.fft.rfft(frames * np.hanning(N_FFT))) ** 2
    return np.asarray(np.log10(1e4 * (power @ mel_filters().T) + 1) / SCALE, np.float32)


def mel_filters(n_fft: int = N_FFT, num_bands: int = NUM_BANDS) -> Floats:
    """[num_bands, n_fft // 2 + 1]: triangles on the HTK mel scale up to 22.05 kHz, sum 1 each."""
    mel = 2595 * np.log10(1 + np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE) / 700)
    edges = np.linspace(0, mel[-1], num_bands + 2)[:, None]
    rising = (mel - edges[:-2]) / np.diff(edges[:-1], axis=0)
    falling = (edges[2:] - mel) / np.diff(edges[1:], axis=0)
    filters = np.maximum(np.minimum(rising, falling), 0)
    return np.asarray(filters / filters.sum(axis=1, keepdims=True))


def cut_blocks(frames: Blocks) -> Blocks:
    """[T, bands] -> [N, BLOCK, bands], half overlapping; a short sound is followed by silence."""
    frames = np.pad(frames, ((0, max(0, BLOCK - len(frames))), (0, 0)))
    starts = range(0, len(frames) - BLOCK + 1, BLOCK_HOP)
    return np.stack([frames[start : start + BLOCK] for start in starts])


def _statistics(blocks: Blocks) -> Floats:
    return np.concatenate([blocks.mean(axis=1), blocks.std(axis=1)], axis=1).astype(np.float64)


@dataclass(frozen=True)
class _Network:
    """aiSFX's convolutions: four pairs of 3x3 with batch norm, pooled over bands and time."""

    weights: dict[str, Tensor]

    @classmethod
    def load(cls, path: Path) -> _Network:
        import torch
        from numpy._core.multiarray import scalar

        # Beside tensors the file holds counts as numpy integers; nothing else in it is executed.
        allowed: list[Any] = [(scalar, "numpy.core.multiarray.scalar"), np.dtype]
        allowed.append(type(np.dtype(np.int64)))
        with torch.serialization.safe_globals(allowed):
            weights, _ = torch.load(path, map_location="cpu", weights_only=True)
        return cls(weights)

    def __call__(self, blocks: Blocks) -> Floats:
        import torch

        with torch.inference_mode():
            starts = range(0, len(blocks), _AT_ONCE)
            parts = [self._embed(torch.from_numpy(blocks[i : i + _AT_ONCE])) for i in starts]
        return torch.cat(parts).double().numpy()

    def _embed(self, x: Tensor) -> Tensor:
        """[N, T, bands] -> [N, 512]."""
        import torch.nn.functional as F

        x = x[:, None]
        for block in (1, 2, 3, 4):
            for layer in (1, 2):
                x = self._convolve(x, f"embedding_net.conv_block{block}.", layer)
            if block < 4:
                x = F.max_pool2d(x, 2)
        return x.mean(dim=3).amax(dim=2)

    def _convolve(self, x: Tensor, prefix: str, layer: int) -> Tensor:
        import torch.nn.functional as F

        x = F.conv2d(x, self.weights[f"{prefix}conv{layer}.weight"], padding=1)
        mean, variance, weight, bias = (
            self.weights[f"{prefix}bn{layer}.{name}"]
            for name in ("running_mean", "running_var", "weight", "bias")
        )
        return F.relu(F.batch_norm(x, mean, variance, weight, bias))
