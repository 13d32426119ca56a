"""How a sound is denoised: intermediate steps, and how many steps are needed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from folai.diffusion.options import DiffusionOptions
from folai.evaluate.experiments.setting import Setting, Wav, short_name
from folai.evaluate.experiments.ways import chart_over, make_section, players, run
from folai.evaluate.foley.tasks import Task
from folai.evaluate.report.sections import Gallery, Section
from folai.media.audio import fit_length

SHOWN = 6  # of the steps
NUMBERS = (1, 2, 4, 8, 12, 24)  # of steps


def steps(setting: Setting) -> Section:
    """Intermediate denoising steps as spectrograms and sound, and figures over `num_steps`."""

    def at(number: int, task: Task) -> Wav:
        return setting.play(task, reference=task.reference, num_steps=number)

    ways = run(setting, {f"num_steps {number}": partial(at, number) for number in NUMBERS})
    columns = {"correlation": "correlation", "cosine": "cosine"}
    chart = chart_over(NUMBERS, ways, columns, x_name="num_steps", log_x=True)
    section = make_section(
        setting,
        ways,
        key="steps",
        title="Denoising, step by step",
        question="What does the sound model decide first, and how many steps does it need?",
        findings=(),
        extra=(chart,),
    )
    task = setting.tasks[len(setting.tasks) // 2]
    sounds = {"truth": task.target, **trace(setting, task)}
    gallery = Gallery(
        f"{short_name(task)}: the noisy latents, decoded before each of these steps",
        players(sounds),
        "t is the share of noise, 1 to 0; the last is the finished sound",
    )
    return replace(section, parts=(*section.parts[:2], gallery))


def trace(setting: Setting, task: Task) -> dict[str, Wav]:
    """Sounds [T] decoded before some of the steps, from noise to the finished one.

    A hook records the noisy latents with which the denoiser is called at each step.
    """
    import torch

    foley = setting.foley
    calls: list[tuple[float, torch.Tensor]] = []

    def watch(module: Any, inputs: tuple[Any, ...]) -> None:
        noisy, time = inputs[:2]
        calls.append((float(time[0]), noisy[:1].clone()))

    hook = foley.dit.register_forward_pre_hook(watch)
    try:
        wav = foley.generate(
            task.envelope,
            duration=task.duration,
            reference=None if task.reference is None else task.reference[None],
            seed=task.seed,
            envelope_lock=0.0,
            num_steps=setting.options.sampling.get("num_steps", DiffusionOptions.num_steps),
        )
    finally:
        hook.remove()
    chosen = np.unique(np.linspace(0, len(calls) - 1, SHOWN).round().astype(int))
    found = {}
    for index in chosen:
        t, latents = calls[index]
        with torch.inference_mode():
            decoded = foley.autoencoder.decode(latents)[0]
        found[f"step {index + 1}, t {t:.2f}"] = fit_length(decoded.numpy(), len(task.target))[0]
    return found | {"finished": fit_length(np.asarray(wav)[0], len(task.target))[0]}
