"""HTSAT (Chen et al., arXiv 2202.00874): a Swin transformer over log-mel bands, folded to a square.

The names of the modules and buffers are those of the published weights. Only what leads to the
vector is computed; the heads for classes are there so that the weights fit.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from folai.evaluate.sounds.nets.frontend import LogMel, Spectrogram, fill, normalised

SIZE, PATCH, WINDOW = 256, 4, 8  # of the square, in bands and frames; patches; windows, in patches
MASKED = -100.0  # added to what must not be attended to


class HTSAT(nn.Module):
    """Sound [B, T] of at most 1024 frames -> (vector [B, D], nothing)."""

    def __init__(
        self,
        n_fft: int = 1024,
        hop_length: int = 320,
        num_bands: int = 64,
        dim: int = 96,
        depths: tuple[int, ...] = (2, 2, 6, 2),
        heads: tuple[int, ...] = (4, 8, 16, 32),
        classes: int = 527,
    ) -> None:
        super().__init__()
        self.folds = SIZE // num_bands
        self.spectrogram_extractor = Spectrogram(n_fft, hop_length)
        self.logmel_extractor = LogMel(n_fft, num_bands)
        self.bn0 = nn.BatchNorm2d(num_bands)
        self.patch_embed = PatchEmbed(dim)
        last = len(depths) - 1
        self.layers = nn.ModuleList(
            Stage(dim << i, SIZE // PATCH >> i, depths[i], heads[i], merges=i < last)
            for i in range(len(depths))
        )
        self.norm = nn.LayerNorm(dim << last)
        rows = (SIZE // PATCH >> last) // self.folds
        self.tscam_conv = nn.Conv2d(dim << last, classes, (rows, 3), padding=(0, 1))
        self.head = nn.Linear(classes, classes)

    def forward(self, wav: Tensor) -> tuple[Tensor, None]:
        return self.embed(self.logmel_extractor(self.spectrogram_extractor(wav))), None

    def embed(self, mel: Tensor) -> Tensor:
        """[B, D] of log-mel bands [B, 1, frames, bands]."""
        x = self.patch_embed(self._folded(normalised(mel, self.bn0)))
        for layer in self.layers:
            x = layer(x)
        pooled: Tensor = self.norm(x).mean(dim=1)
        return pooled

    def _folded(self, mel: Tensor) -> Tensor:
        """[B, 1, SIZE, SIZE]: stretched to SIZE * folds frames, cut, and laid below one another."""
        frames = SIZE * self.folds
        if mel.shape[2] > frames:
            raise ValueError(f"{mel.shape[2]} frames; at most {frames} fit: give shorter windows")
        mel = F.interpolate(mel, (frames, mel.shape[3]), mode="bicubic", align_corners=True)
        parts = _split(mel.transpose(2, 3), 3, self.folds, SIZE)  # [B, 1, bands, folds, SIZE]
        return parts.transpose(2, 3).flatten(2, 3)


class PatchEmbed(nn.Module):
    """[B, 1, SIZE, SIZE] -> [B, patches, D]."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(1, dim, PATCH, stride=PATCH)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        patches: Tensor = self.norm(self.proj(x).flatten(2).transpose(1, 2))
        return patches


class Stage(nn.Module):
    """Blocks on a grid of `side` x `side` patches, of which four are then merged into one."""

    def __init__(self, dim: int, side: int, depth: int, heads: int, *, merges: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(dim, side, heads, WINDOW // 2 if index % 2 and side > WINDOW else 0)
            for index in range(depth)
        )
        self.downsample = Merging(dim, side) if merges else None

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)


class Merging(nn.Module):
    """[B, side^2, C] -> [B, side^2 / 4, 2 C]."""

    def __init__(self, dim: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = nn.LayerNorm(4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        grid = _split(x, 1, self.side, self.side)
        corners = [grid[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        merged: Tensor = self.reduction(self.norm(torch.cat(corners, dim=-1).flatten(1, 2)))
        return merged


class Block(nn.Module):
    """Attention within windows, which every second block shifts by half a window."""

    def __init__(self, dim: int, side: int, heads: int, shift: int) -> None:
        super().__init__()
        self.side, self.shift, self.window = side, shift, min(side, WINDOW)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = Attention(dim, self.window, heads)
        self.mlp = MLP(dim)
        self.register_buffer("attn_mask", self._mask() if shift else None)

    def forward(self, x: Tensor) -> Tensor:
        grid = _split(self.norm1(x), 1, self.side, self.side)
        grid = grid.roll((-self.shift, -self.shift), (1, 2))
        cut = self.attn(_cut(grid, self.window), self.attn_mask)
        grid = _joined(cut, self.window, self.side).roll((self.shift, self.shift), (1, 2))
        x = x + grid.flatten(1, 2)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out

    def _mask(self) -> Tensor:
        """[windows, patches, patches]: what was rolled around from the far side is not seen."""
        places = torch.arange(self.side)
        region = (places >= self.side - self.window).long() + (places >= self.side - self.shift)
        regions = (3 * region[:, None] + region)[None, ..., None].float()
        window = _cut(regions, self.window)[..., 0]
        return torch.where(window[:, None] == window[:, :, None], 0.0, MASKED)


class Attention(nn.Module):
    """[B * windows, patches, C] to alike, with a learned bias for each relative place."""

    relative_position_index: Tensor

    def __init__(self, dim: int, window: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        places = torch.stack(torch.meshgrid(*[torch.arange(window)] * 2, indexing="ij")).flatten(1)
        apart = places[:, :, None] - places[:, None] + window - 1  # [2, patches, patches]
        self.register_buffer("relative_position_index", apart[0] * (2 * window - 1) + apart[1])
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        bias = bias[None]
        if mask is not None:
            bias = (bias + mask[:, None]).repeat(len(x) // len(mask), 1, 1, 1)
        attended = F.scaled_dot_product_attention(q, k, v, bias)
        out: Tensor = self.proj(attended.transpose(1, 2).flatten(2))
        return out


class MLP(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


def htsat_like(tensors: dict[str, Tensor], path: Path) -> HTSAT:
    """The network that these weights are of, filled with them. Raises ValueError for others."""
    try:
        n_fft = tensors["spectrogram_extractor.stft.conv_real.weight"].shape[-1]
        num_bands = tensors["logmel_extractor.melW"].shape[1]
        dim = len(tensors["patch_embed.proj.weight"])
        stages = sorted({int(name.split(".")[1]) for name in tensors if name.startswith("layers.")})
        depths, heads = [], []
        for stage in stages:
            blocks = {n.split(".")[3] for n in tensors if n.startswith(f"layers.{stage}.blocks.")}
            depths.append(len(blocks))
            table = f"layers.{stage}.blocks.0.attn.relative_position_bias_table"
            heads.append(tensors[table].shape[1])
        classes = len(tensors["head.weight"])
    except KeyError as error:
        raise ValueError(f"{path}: no tensor {error} as an HTSAT has it") from error
    model = HTSAT(n_fft, 320, num_bands, dim, tuple(depths), tuple(heads), classes)
    fill(model, tensors, path)
    return model.eval()


def _split(x: Tensor, dim: int, *sizes: int) -> Tensor:
    """One dimension as two, the second of which runs faster."""
    return x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :])


def _cut(grid: Tensor, window: int) -> Tensor:
    """[B, side, side, C] -> [B * windows, window^2, C]."""
    rows = _split(_split(grid, 2, -1, window), 1, -1, window)  # [B, R, w, S, w, C]
    return rows.transpose(2, 3).flatten(0, 2).flatten(1, 2)


def _joined(windows: Tensor, window: int, side: int) -> Tensor:
    """The other way round: [B, side, side, C]."""
    count = side // window
    grid = _split(_split(_split(windows, 1, window, window), 0, -1, count), 0, -1, count)
    return grid.transpose(2, 3).flatten(3, 4).flatten(1, 2)
