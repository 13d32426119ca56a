"""Trains a control of Stable Audio 3, or a LoRA on its attention. Read top to bottom.

    folai train control --model stable-audio-3-small-sfx-base --data recordings --out runs/control
    folai train control --model stable-audio-3-small-sfx-base --light --data recordings
    folai train control --model stable-audio-3-small-sfx-base --lora-rank 16 --library "cloth"

The base is frozen. A control is a ControlNet (arXiv 2412.15023) or, `light`, one linear layer
beside low-rank additions (arXiv 2412.08550). Optimiser and learning rate are those of the published
trainer of LoRAs; times are drawn near the middle and shifted as the model's own sampling times are.
What is drawn in a step follows from the seed, the step and the example's number alone: a run that
was interrupted, or is spread over processes, sees what one process alone would have seen.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from folai.data.shards import local_folder
from folai.data.stable_material import StableMaterial, encode_material, example_seed
from folai.models.lora import lora_tensors
from folai.models.stable3_control import Stable3ControlConfig
from folai.stable3.conditioning import side_by_side, token_row
from folai.stable3.control_files import save_control
from folai.stable3.control_levels import draw_width, softened
from folai.stable3.lora_files import published, save_lora
from folai.stable3.model import Stable3, load_stable3
from folai.train import loop
from folai.train.small_lora import library_sounds
from folai.train.stable3_loss import Batch, Trained, draw_keeps
from folai.train.stable3_options import Stable3TrainOptions
from folai.train.torchrun import Processes, processes

WARM_UP = 100  # steps over which the learning rate rises
Tokens = dict[str, tuple[Tensor, Tensor]]  # of each prompt: [1, L, D], and how often each counts


def train_stable3_control(
    options: Stable3TrainOptions,
    log: Callable[[str], None] = print,
    stable: Stable3 | None = None,
) -> Path:
    """Trains, and returns the weights file. Raises ValueError if there is nothing to train on.

    stable: models that are loaded already, instead of those that `options.model` names; what is
    trained in them stays in them.
    """
    with loop.own_process_state(options.threads), processes() as group:
        _train(options, log if group.is_first else lambda text: None, stable, group)
        group.barrier()  # nobody returns before the weights are written
    return _weights(options)


def _train(
    options: Stable3TrainOptions,
    log: Callable[[str], None],
    stable: Stable3 | None,
    group: Processes,
) -> None:
    stable = stable or load_stable3(
        options.model, text=options.prompts, dtype=options.dtype, offline=options.offline
    )
    with group.first_alone():
        material = _material(options, stable, log)
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    trained = Trained(stable, options, material.seconds)
    tokens = _tokens(options, stable, material)
    weights = loop.Tensors((n, p) for n, p in trained.named_parameters() if p.requires_grad)
    average = loop.Tensors((n, p.detach().clone()) for n, p in weights.items())
    optimiser = torch.optim.AdamW(
        weights.values(), options.learning_rate, betas=(0.9, 0.95),
        weight_decay=options.weight_decay,
    )  # fmt: skip
    parts: loop.Parts = {"trained": weights, "average": average, "optimiser": optimiser}
    first = loop.resume_run(options.out / "last.pt", parts)["step"]
    log(f"{loop.size_of(weights.values())} on {stable.device}, {group.count} processes")
    log(loop.heading("loss"))
    meter: loop.Meter[float] = loop.Meter()
    for step in range(first + 1, options.steps + 1):
        optimiser.zero_grad()
        total = torch.zeros((), device=stable.device)
        for part in range(options.accumulate):
            batch = _batch(options, stable, material, tokens, (step, part), group)
            with _autocast(options, stable):
                loss = trained(batch).mean() / options.accumulate
            loss.backward()
            total += loss.detach()
        group.share_gradients(trained)
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        loop.set_rate(optimiser, options.learning_rate * min(1.0, step / WARM_UP))
        optimiser.step()
        loop.average_in(average.values(), weights.values(), step, options.ema)
        meter.add(float(group.mean(total)))
        if step % options.log_every == 0 or step == options.steps:
            log(loop.line(step, [float(np.mean(meter.rows))], meter.seconds, digits=4))
            if group.is_first:
                loop.save_run(options.out / "last.pt", step, parts)
            meter.restart()
    if group.is_first:
        _write(options, stable, trained, average)


def _autocast(options: Stable3TrainOptions, stable: Stable3) -> Any:
    dtype = stable.dit.project.weight.dtype
    half = dtype != torch.float32 or options.dtype == "bfloat16"
    return torch.autocast(stable.device.type, torch.bfloat16, enabled=half)


def _batch(
    options: Stable3TrainOptions,
    stable: Stable3,
    material: StableMaterial,
    tokens: Tokens,
    numbers: tuple[int, int],
    group: Processes,
) -> Batch:
    """The windows that this process trains on in a part of a step, `numbers`."""
    rate = stable.frame_rate * Stable3ControlConfig.per_latent
    rows, said = [], []
    for place in range(options.batch_size):
        chance = example_seed(options.seed, *numbers, group.rank * options.batch_size + place)
        index = int(torch.randint(len(material.latents), (1,), generator=chance))
        is_heard = (torch.rand(2, generator=chance) >= options.dropout).float()
        latents = torch.from_numpy(material.latents[index].astype(np.float32))
        levels = torch.from_numpy(material.control[index].astype(np.float32))
        width = draw_width(chance, rate)
        if options.light:
            levels = softened(levels.unsqueeze(0), width)[0]
        is_steered = is_heard[1] if options.light else torch.ones(())
        noise = torch.randn(latents.shape, generator=chance)
        t = torch.sigmoid(torch.randn(1, generator=chance))
        t = stable.config.shift.shifted(t, latents.shape[-1])[0]
        keeps = draw_keeps(chance, latents.shape[-1], options.gaps)
        rows.append((latents, levels, noise, t, is_heard[0], is_steered, keeps))
        said.append(tokens[material.prompts[index] if options.prompts else ""])
    latents, levels, noise, t, is_prompted, is_steered, keeps = (
        torch.stack(column).to(stable.device) for column in zip(*rows, strict=True)
    )
    words, counts = side_by_side(said)
    return Batch(latents, levels, noise, t, words, counts, is_prompted, is_steered, keeps)


def _weights(options: Stable3TrainOptions) -> Path:
    return options.out / ("lora.safetensors" if options.is_lora else "control.safetensors")


def _material(
    options: Stable3TrainOptions, stable: Stable3, log: Callable[[str], None]
) -> StableMaterial:
    """The encoded windows, from the cache where they are there."""
    if not options.data and options.library is None:
        raise ValueError("nothing to train on: give --data DIR, or --library WORDS")
    sounds = None
    if options.library is not None:
        sounds = library_sounds(options.library, options.library_file)
        log(f"{len(sounds)} recordings, {sum(sound.seconds for sound in sounds) / 60:.1f} min")
    cache = options.cache or options.out / "cache"
    return encode_material(
        tuple(local_folder(folder, cache) for folder in options.data),
        stable.autoencoder,
        cache,
        seconds=min(options.seconds, stable.config.longest),
        count=options.windows,
        levels=Stable3ControlConfig.per_latent,
        sounds=sounds,
        seed=options.seed,
        log=log,
    )


@torch.no_grad()
def _tokens(options: Stable3TrainOptions, stable: Stable3, material: StableMaterial) -> Tokens:
    """Of each label as a prompt, and of none."""
    duration = torch.tensor([material.seconds], device=stable.device)
    seconds = stable.conditioner.duration(duration)
    prompts = sorted({"", *material.prompts}) if options.prompts else [""]
    return {
        prompt: token_row(stable.conditioner, stable.words(prompt or None), seconds)
        for prompt in prompts
    }


def _write(
    options: Stable3TrainOptions, stable: Stable3, trained: Trained, average: loop.Tensors
) -> None:
    """Writes the averaged weights."""
    averaged = copy.deepcopy(trained)
    with torch.no_grad():
        for name, parameter in averaged.named_parameters():
            if name in average:
                parameter.copy_(average[name])
    lora, path = lora_tensors(averaged.dit), _weights(options)
    if averaged.net is None:
        save_lora(path, stable.config, lora, options.rank)
        return
    # What is left out are the machine's own paths.
    notes = loop.notes_of(options, "data", "out", "cache", "model", "library_file")
    named = published(stable.config, lora)
    save_control(path, averaged.net, stable.config.dit, notes, named)
