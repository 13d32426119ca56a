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
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from folai.data.shards import local_folder
from folai.data.stable_material import StableMaterial, encode_material, example_seed
from folai.models.lora import lora_tensors
from folai.stable.control_files import save_control
from folai.stable.hub import find_model
from folai.stable.lora_files import save_lora
from folai.stable.model import StableAudio, load_stable
from folai.stable.prompt_models import load_clap
from folai.train import loop
from folai.train.full_size_loss import Batch, Trained
from folai.train.full_size_options import StableOptions
from folai.train.torchrun import processes
from folai.writing import written_whole

WARM_UP = 100  # steps over which the learning rate rises


def train_stable_control(
    options: StableOptions,
    log: Callable[[str], None] = print,
    stable: StableAudio | None = None,
) -> Path:
    """Trains, and returns the weights file. Raises ValueError if there is nothing to train on.

    stable: models that are loaded already, instead of those that `options.model` names.
    """
    with loop.own_process_state(options.threads), processes() as group:
        rank, count = group.rank, group.count
        _train(options, log if rank == 0 else lambda text: None, stable, rank, count)
        group.barrier()  # nobody returns before the weights are written
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
        """The windows that this process trains on in a part of a step."""
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
        """Writes the averaged weights: of the ControlNet or the LoRA, and of a base that was
        trained.
        """
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
    """The encoded windows: the first process encodes, the others wait and read the cache."""
    if not options.data:
        raise ValueError("nothing to train on: give --data DIR")
    hears = options.clap is not None and not options.lora_rank
    clap = load_clap(find_model(options.clap, offline=options.offline)) if hears else None  # type: ignore[arg-type]
    if rank > 0:
        dist.barrier()
    cache = options.cache or options.out / "cache"
    material = encode_material(
        tuple(local_folder(folder, cache) for folder in options.data),
        stable.autoencoder,
        cache,
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
    """Tokens [1, L, D] of each label as a prompt; clips without a label get zeros."""
    assert stable.text is not None
    dim, length = stable.config.seconds.dim, stable.config.text_length
    known = {prompt: stable._text(prompt) for prompt in set(material.prompts) if prompt}
    return {"": torch.zeros(1, length, dim), **known}
