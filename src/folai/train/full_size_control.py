"""Trains the ControlNet of Stable Audio Open, or a LoRA on its attention. Read top to bottom.

    folai train control --model stable-audio-open-1.0 --data recordings --out runs/stable-control
    torchrun --nproc-per-node 4 -m folai train control --model stable-audio-open-1.0 ...

The defaults are the recipe of arXiv 2412.15023: the base frozen, a copy of a fifth of its blocks,
AdamW, t = sigmoid(normal), v as the target, conditioning dropped for a tenth of the examples. CLAP
hears what sounds in an example and tells it by a layer that is trained along. What is drawn in a
step follows from the seed, the step and the example's number alone: a run that was interrupted, or
is spread over processes, sees what one process alone would have seen.
"""

from __future__ import annotations

import copy
import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from folai.data.stable_material import StableMaterial, encode_material, example_seed
from folai.diffusion.sampling import alpha_sigma, training_error
from folai.models.lora import add_lora, lora_tensors
from folai.models.stable_control import StableControlConfig, StableControlNet
from folai.stable.control_files import save_control
from folai.stable.hub import find_model
from folai.stable.lora_files import save_lora
from folai.stable.model import StableAudio, load_stable
from folai.stable.prompt_models import load_clap
from folai.train import loop
from folai.writing import written_whole

WARM_UP = 100  # steps over which the learning rate rises


@dataclass(frozen=True)
class StableOptions:
    data: tuple[Path, ...] = ()  # folders of recordings or clips, or of such folders
    model: str | Path = "stable-audio-open-1.0"
    out: Path = Path("runs/stable-control")
    cache: Path | None = None  # where windows are kept, encoded
    lora_rank: int = 0  # of additions to the base's attention, trained instead of a ControlNet
    train_base: bool = False  # the base, too: for tiny models that begin at random
    clap: str | Path | None = "clap"  # hears the windows; None: none does
    depth_factor: float = 0.2  # share of the base's blocks that the ControlNet copies
    seconds: float = 10.0  # of a window
    windows: int = 4000  # that are encoded
    steps: int = 15_000
    batch_size: int = 12  # windows a process sees at once
    accumulate: int = 4  # times, before a step is done
    learning_rate: float = 1e-4
    weight_decay: float = 1e-3
    dropout: float = 0.1  # share of examples without tokens, and of those without envelope
    base_alone: float = 0.0  # share of steps without the ControlNet, where the base is trained
    ema: float = 0.999  # of the weights that are kept
    dtype: str | None = None  # None: bfloat16 on a GPU, float32 on a CPU
    checkpointing: bool = True  # blocks are computed again on the way back: less memory
    seed: int = 0
    threads: int = 1
    log_every: int = 50
    offline: bool = False

    def __post_init__(self) -> None:
        counts = ("steps", "batch_size", "accumulate", "windows", "threads", "log_every")
        loop.check_counts(self, *counts)
        if not self.seconds > 0:
            raise ValueError(f"seconds is {self.seconds}; give above 0")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; give 0 to below 1")
        if self.lora_rank < 0:
            raise ValueError(f"lora_rank is {self.lora_rank}; give 1 or more, or leave it out")


@dataclass(frozen=True)
class Batch:
    """[B, C, F] latents, control and noise; [B] times; [B, L, D] tokens; [B, G] seconds."""

    latents: Tensor
    control: Tensor
    noise: Tensor
    t: Tensor
    clap: Tensor | None  # [B, 512]
    text: Tensor | None  # [B, L, D]
    is_conditioned: Tensor  # [B], 0 where conditioning is dropped


class Trained(nn.Module):
    """The frozen base with what is trained; its forward pass is the loss."""

    def __init__(self, stable: StableAudio, options: StableOptions, duration: float) -> None:
        super().__init__()
        self.objective, self.duration = stable.config.objective, duration
        self.dit = stable.dit.requires_grad_(options.train_base)
        self.dit.trunk.rates.requires_grad_(False)
        self.seconds = stable.seconds.requires_grad_(False)
        self.net: StableControlNet | None = None
        if options.lora_rank:
            add_lora(self.dit, options.lora_rank)
        else:
            hears = options.clap is not None
            control = StableControlConfig(options.depth_factor, clap=hears)
            self.net = StableControlNet(control, stable.config.dit).to(stable.device)
            self.net.copy_from(self.dit)
            self.net.trunk.rates.requires_grad_(False)
            self.net.trunk.checkpointing = options.checkpointing
        self.dit.trunk.checkpointing = options.checkpointing

    def forward(self, batch: Batch, alone: bool = False) -> Tensor:
        """Mean squared error of each example, [B]; `alone`: the ControlNet is left out."""
        tokens, seconds = self.conditioning(batch)
        times = batch.t[:, None, None]
        alpha, sigma = alpha_sigma(times, self.objective)
        noisy = alpha * batch.latents + sigma * batch.noise
        trunk = self.dit.trunk
        rotary = trunk.rotary(noisy.shape[-1], noisy.device)
        control = None
        if self.net is not None and not alone:
            seen_envelope, control_memory = (
                self.net.look(batch.control),
                self.net.trunk.remember(tokens),
            )
            control = self.net(noisy, batch.t, seconds, seen_envelope, control_memory, rotary)
        memory = trunk.remember(tokens)
        prediction = self.dit(noisy, batch.t, seconds, memory, rotary, control)
        error = training_error(
            prediction.float(), batch.latents, batch.noise, times, self.objective
        )
        return error.square().mean((1, 2))

    def conditioning(self, batch: Batch) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            total = torch.full_like(batch.t, self.duration)
            seconds_token, seconds = self.seconds(torch.zeros_like(total), total)
        parts = [seconds_token]
        if batch.clap is not None and self.net is not None and self.net.clap is not None:
            parts.insert(0, self.net.clap(batch.clap).unsqueeze(1))
        if batch.text is not None:
            parts.insert(0, batch.text.to(seconds_token.dtype))
        tokens = torch.cat(parts, dim=1) * batch.is_conditioned[:, None, None]
        return tokens, seconds


def train_stable_control(
    options: StableOptions,
    log: Callable[[str], None] = print,
    stable: StableAudio | None = None,
) -> Path:
    """Trains, and returns the weights file. Raises ValueError if there is nothing to train on.

    stable: models that are loaded already, instead of those that `options.model` names.
    """
    with loop.own_process_state(options.threads), processes() as (rank, count):
        _train(options, log if rank == 0 else lambda text: None, stable, rank, count)
        if count > 1:
            dist.barrier()  # nobody returns before the weights are written
    return _weights(options)


def _train(
    options: StableOptions,
    log: Callable[[str], None],
    stable: StableAudio | None,
    rank: int,
    count: int,
) -> None:
    stable = stable or _load(options)
    material = _material(options, stable, rank, log)
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    trained = Trained(stable, options, material.seconds)
    text = _encode_prompts(stable, material) if options.lora_rank else None
    model: nn.Module = trained
    if count > 1:
        model = nn.parallel.DistributedDataParallel(trained, find_unused_parameters=True)
    run = Loop(options, stable, material, text, trained, model, rank, count)
    run.go(log)
    if rank == 0:
        run.write()


class Loop:
    """The optimiser, the average and the steps."""

    def __init__(
        self,
        options: StableOptions,
        stable: StableAudio,
        material: StableMaterial,
        text: dict[str, Tensor] | None,
        trained: Trained,
        model: nn.Module,
        rank: int,
        count: int,
    ) -> None:
        self.options, self.material, self.text = options, material, text
        self.trained, self.model, self.rank, self.count = trained, model, rank, count
        self.device, self.stable = stable.device, stable
        named = ((n, p) for n, p in trained.named_parameters() if p.requires_grad)
        self.parameters = loop.Tensors(named)
        self.average = loop.Tensors((n, p.detach().clone()) for n, p in self.parameters.items())
        self.optimiser = torch.optim.AdamW(
            self.parameters.values(),
            options.learning_rate,
            betas=(0.95, 0.999),
            weight_decay=options.weight_decay,
        )
        self.parts: loop.Parts = {
            "trained": self.parameters,
            "average": self.average,
            "optimiser": self.optimiser,
        }

    def go(self, log: Callable[[str], None]) -> None:
        options = self.options
        first = loop.resume_run(options.out / "last.pt", self.parts)["step"]
        size = loop.size_of(self.parameters.values())
        log(f"{size} on {self.device}, {self.count} processes")
        log(loop.heading("loss"))
        meter: loop.Meter[float] = loop.Meter()
        for step in range(first + 1, options.steps + 1):
            meter.add(self.step(step))
            if step % options.log_every == 0 or step == options.steps:
                log(loop.line(step, [float(np.mean(meter.rows))], meter.seconds, digits=4))
                if self.rank == 0:
                    loop.save_run(options.out / "last.pt", step, self.parts)
                meter.restart()

    def step(self, step: int) -> float:
        """One step of the optimiser; the mean loss over all processes."""
        options = self.options
        chance = example_seed(options.seed, step)
        alone = bool(torch.rand(1, generator=chance) < options.base_alone)
        total = torch.zeros((), device=self.device)
        for part in range(options.accumulate):
            last = part + 1 == options.accumulate
            with nullcontext() if last or self.count == 1 else self.model.no_sync():  # type: ignore[operator]
                with self.autocast():
                    loss = self.model(self.batch(step, part), alone).mean() / options.accumulate
                loss.backward()
            total += loss.detach()
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), 1.0)
        loop.set_rate(self.optimiser, options.learning_rate * min(1.0, step / WARM_UP))
        self.optimiser.step()
        self.optimiser.zero_grad()
        loop.average_in(self.average.values(), self.parameters.values(), step, options.ema)
        if self.count > 1:
            dist.all_reduce(total)
        return float(total) / self.count

    def autocast(self) -> Any:
        dtype = self.trained.dit.project.weight.dtype
        half = dtype != torch.float32 or self.options.dtype == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=half)

    def batch(self, step: int, part: int) -> Batch:
        """What this process sees in a part of a step."""
        options, material = self.options, self.material
        places, rows = [], []
        for place in range(options.batch_size):
            number = self.rank * options.batch_size + place
            chance = example_seed(options.seed, step, part, number)
            index = int(torch.randint(len(material.latents), (1,), generator=chance))
            drops = torch.rand(2, generator=chance) < options.dropout
            control = material.no_control if drops[0] else material.control[index]
            latents = torch.from_numpy(material.latents[index].astype(np.float32))
            noise = torch.randn(latents.shape, generator=chance)
            t = torch.sigmoid(torch.randn((), generator=chance))
            places.append(index)
            control = torch.from_numpy(control.astype(np.float32))
            rows.append((latents, control, noise, t, 1.0 - drops[1].float()))
        latents, control, noise, t, is_conditioned = (
            torch.stack(column).to(self.device) for column in zip(*rows, strict=True)
        )
        clap, text = self._embedded(places), self._prompted(places)
        return Batch(latents, control, noise, t, clap, text, is_conditioned)

    def _embedded(self, places: list[int]) -> Tensor | None:
        clap = self.material.clap
        return None if clap is None else torch.from_numpy(clap[places]).to(self.device)

    def _prompted(self, places: list[int]) -> Tensor | None:
        if self.text is None:
            return None
        return torch.cat([self.text[self.material.prompts[i]] for i in places]).to(self.device)

    def write(self) -> Path:
        """The averaged weights: of the ControlNet or the LoRA; and of a base that was trained."""
        options, path = self.options, _weights(self.options)
        averaged = copy.deepcopy(self.trained)
        with torch.no_grad():
            for name, parameter in averaged.named_parameters():
                if name in self.average:
                    parameter.copy_(self.average[name])
        if averaged.net is None:
            save_lora(path, lora_tensors(averaged.dit), self.stable.config.dit, options.lora_rank)
        else:
            averaged.net.requires_grad_(False)
            # What is left out are the machine's own paths.
            notes = loop.notes_of(options, "data", "out", "cache", "model", "clap")
            save_control(path, averaged.net, notes)
        if options.train_base:
            from safetensors.torch import save_file

            with written_whole(options.out / "dit.safetensors") as temporary:
                save_file(averaged.dit.state_dict(), temporary)
        return path


def _weights(options: StableOptions) -> Path:
    return options.out / ("lora.safetensors" if options.lora_rank else "control.safetensors")


def _load(options: StableOptions) -> StableAudio:
    return load_stable(
        options.model,
        text=options.lora_rank > 0,
        dtype=options.dtype,
        offline=options.offline,
    )


def _material(
    options: StableOptions, stable: StableAudio, rank: int, log: Callable[[str], None]
) -> StableMaterial:
    """The first process encodes; the others then find it done."""
    if not options.data:
        raise ValueError("nothing to train on: give --data DIR")
    hears = options.clap is not None and not options.lora_rank
    clap = load_clap(find_model(options.clap, offline=options.offline)) if hears else None  # type: ignore[arg-type]
    if rank > 0:
        dist.barrier()
    material = encode_material(
        options.data,
        stable.autoencoder,
        options.cache or options.out / "cache",
        seconds=min(options.seconds, stable.config.window / stable.frame_rate),
        count=options.windows,
        clap=clap,
        seed=options.seed,
        log=log,
    )
    if rank == 0 and dist.is_initialized():
        dist.barrier()
    return material


def _encode_prompts(stable: StableAudio, material: StableMaterial) -> dict[str, Tensor]:
    """Tokens [1, L, D] of each label as a prompt; clips of many things go without."""
    assert stable.text is not None
    dim, length = stable.config.seconds.dim, stable.config.text_length
    known = {prompt: stable._text(prompt) for prompt in set(material.prompts) if prompt}
    return {"": torch.zeros(1, length, dim), **known}


@contextmanager
def processes() -> Iterator[tuple[int, int]]:
    """(number of this process, how many there are): more than one under torchrun."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield 0, 1
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    try:
        yield dist.get_rank(), count
    finally:
        # Gloo's threads let go of the last tensors they summed, for which they need the
        # interpreter: they have to end before it does, which they do once nothing (a model in
        # DistributedDataParallel, caught in a cycle of references) holds the group any more.
        gc.collect()
        dist.destroy_process_group()
