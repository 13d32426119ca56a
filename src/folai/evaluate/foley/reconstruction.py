"""What the autoencoder loses: sounds encoded and decoded, beside Opus at 32 kbit/s.

    diff    mean absolute difference of log-mel in dB: 80 bands, windows of 1024 every 256 samples,
            where the original is within 60 dB of its own loudest
    cosine  of the embeddings of decoded and original
    moved   distance in ms of the highest sample of a decoded impulse from where it was

Sounds are those of the split, clips in pieces of 5 s; the mean is over sounds, however long.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from folai.checkpoints import AUTOENCODER, load_autoencoder
from folai.data.sounds import SAMPLE_RATE, Sound, load_sounds
from folai.evaluate.sounds.embedder import Embedder
from folai.evaluate.sounds.embeddings import load_embedder
from folai.media.audio import fit_length, read_audio, resample
from folai.metrics import cosine, log_mel_difference
from folai.metrics.log_mel import NUM_BANDS, WITHIN_DB
from folai.progress import Progress, Steps
from folai.reporting import folder_or_temporary

if TYPE_CHECKING:
    from folai.models.autoencoder import Autoencoder

Wav = NDArray[np.float32]
Codec = Callable[[Wav], Wav]  # sound [T] at 44.1 kHz -> the same, encoded and decoded

PIECE = 5.0  # seconds
SHORTEST_PART = 0.05  # seconds; shorter sounds are left out
OPUS_RATE, OPUS_BITS = 48_000, 32_000  # Hz, bit/s
DECODED_AT_ONCE = 1024  # latent frames
NUM_IMPULSES = 24


@dataclass(frozen=True)
class CodecScore:
    """Of one codec on sounds of one group, as the module's docstring defines it."""

    group: str
    codec: str
    num_sounds: int
    difference: float  # dB
    cosine: float


@dataclass(frozen=True)
class AutoencoderReport:
    scores: tuple[CodecScore, ...]  # by group, the last of all of them
    moved: dict[str, tuple[float, float]]  # codec: mean and worst distance, seconds
    embedding: str

    def table(self) -> str:
        """A line a group of sounds."""
        codecs = list(self.moved)
        heading = f"{'':<12}{'sounds':>7}" + "".join(f"{c:>12} dB{'cosine':>8}" for c in codecs)
        lines = [heading]
        for group in dict.fromkeys(score.group for score in self.scores):
            found = {score.codec: score for score in self.scores if score.group == group}
            cells = (f"{found[c].difference:15.2f}{found[c].cosine:8.3f}" for c in codecs)
            lines.append(f"{group:<12}{found[codecs[0]].num_sounds:7}" + "".join(cells))
        explained = (
            f"dB: mean absolute difference of {NUM_BANDS}-band log-mel within {WITHIN_DB:.0f} dB "
            f"of the peak; cosine: of embeddings ({self.embedding}), decoded to original"
        )
        impulses = (
            f"impulses moved, {codec}: mean {1000 * mean:.2f} ms, worst {1000 * worst:.2f} ms"
            for codec, (mean, worst) in self.moved.items()
        )
        return "\n".join([explained, *lines, *impulses])

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON, times in seconds."""
        moved = {codec: {"mean": m, "worst": w} for codec, (m, w) in self.moved.items()}
        scores = [asdict(score) for score in self.scores]
        return {"all": scores[-len(moved) :], "groups": scores, "moved": moved} | {
            "embedding": self.embedding
        }


def evaluate_autoencoder(
    data: Sequence[Path],
    split: str | None = "val",
    weights: Path | None = None,
    progress: Progress | None = None,
    *,
    limit: int | None = None,
    embedding: str | None = None,
    cache: Path | None = None,
) -> AutoencoderReport:
    """Score the autoencoder on sounds of a split; `limit` of them, evenly spread.

    Raises ValueError for a folder or weights that cannot be read.
    """
    model = load_autoencoder(weights or AUTOENCODER)
    codecs: dict[str, Codec] = {"folai": round_trip(model), "Opus 32k": opus}
    embedder = load_embedder(embedding)
    with folder_or_temporary(cache) as folder:
        pieces = cut(load_sounds(list(data), folder, split))
        if limit is not None and limit < len(pieces):
            chosen = np.linspace(0, len(pieces) - 1, max(limit, 1)).round().astype(int)
            pieces = [pieces[i] for i in chosen]
        steps = Steps(progress, len(pieces) * len(codecs))
        found = {name: _compare(codec, pieces, embedder, steps) for name, codec in codecs.items()}
    groups = np.array([group for group, _ in pieces])
    scores = [
        CodecScore(group, name, int(chosen.sum()), *map(float, figures[chosen].mean(axis=0)))
        for group in [*sorted(set(groups)), "all"]
        for chosen in [(groups == group) | (group == "all")]
        for name, figures in found.items()
    ]
    steps.finish()
    moved = {name: displacement(codec) for name, codec in codecs.items()}
    return AutoencoderReport(tuple(scores), moved, embedder.name)


def cut(sounds: Sequence[Sound]) -> list[tuple[str, Wav]]:
    """(group, [T]) of each sound; whole clips in pieces, their labelled parts left out."""
    whole = {sound.name for sound in sounds if not sound.label}
    length = round(PIECE * SAMPLE_RATE)
    pieces = []
    for sound in sounds:
        if sound.label and sound.name.rpartition("@")[0] in whole:
            continue
        group = sound.label.partition("/")[0] or "clips"
        wav = sound.wav
        for first in range(0, len(wav), length):
            part = wav[first : first + length]
            if len(part) >= SHORTEST_PART * SAMPLE_RATE and part.any():
                pieces.append((group, part))
    return pieces


def displacement(codec: Codec, number: int = NUM_IMPULSES) -> tuple[float, float]:
    """(mean, worst) distance in seconds by which single impulses move, each alone in a second."""
    rng = np.random.default_rng(0)
    moved = []
    for place in rng.integers(SAMPLE_RATE // 4, 3 * SAMPLE_RATE // 4, number):
        wav = np.zeros(SAMPLE_RATE, np.float32)
        wav[place] = 0.5
        moved.append(abs(int(np.abs(codec(wav)).argmax()) - int(place)) / SAMPLE_RATE)
    return float(np.mean(moved)), float(np.max(moved))


def round_trip(model: Autoencoder) -> Codec:
    """Encoding and decoding with a model, in pieces as it is used."""
    import torch

    def run(wav: Wav) -> Wav:
        with torch.inference_mode():
            latents = model.encode(torch.from_numpy(wav)[None, None], chunk=DECODED_AT_ONCE)
            decoded = model.decode(latents, chunk=DECODED_AT_ONCE)
        return np.asarray(decoded[0, 0, : len(wav)].numpy())

    return run


def opus(wav: Wav) -> Wav:
    """Opus, mono, at 32 kbit/s and 48 kHz; its delay is taken out by the container."""
    import av

    sent = resample(wav[None], SAMPLE_RATE, OPUS_RATE)
    with tempfile.TemporaryDirectory(prefix="folai-") as folder:
        path = Path(folder) / "sound.ogg"
        with av.open(path, "w") as container:
            stream = container.add_stream("libopus", OPUS_RATE, layout="mono", bit_rate=OPUS_BITS)
            frame = av.AudioFrame.from_ndarray(sent, format="flt", layout="mono")
            frame.sample_rate = OPUS_RATE
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        heard, _ = read_audio(path, sample_rate=SAMPLE_RATE, mono=True)
    return np.asarray(fit_length(heard, len(wav))[0])


def _compare(
    codec: Codec, pieces: Sequence[tuple[str, Wav]], embedder: Embedder, steps: Steps
) -> NDArray[np.float64]:
    """[N, 2]: difference in dB and cosine of each sound."""
    rows = []
    for _, wav in pieces:
        decoded = codec(wav)
        alike = float(cosine(embedder.mean(decoded), embedder.mean(wav)))
        rows.append((log_mel_difference(decoded, wav), alike))
        steps.step()
    return np.array(rows)
