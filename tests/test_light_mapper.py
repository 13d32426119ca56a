"""The mapper without PyTorch: the sums of the module it is saved from, and no PyTorch loaded."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import torch

from folai.checkpoints import load_light_mapper, load_mapper, save_mapper
from folai.mapper.predict import predict_envelope, predict_frames
from folai.models.light_mapper import LightMapper
from folai.models.mapper_config import MapperConfig
from folai.models.rms_mapper import RMSMapper
from test_mapper import TINY, random_pictures

CONFIGS = [
    TINY,
    dataclasses.replace(TINY, inputs="flow", num_layers=2, upsample=3),
    dataclasses.replace(TINY, inputs="rgb", channels=(8, 12, 20)),
    MapperConfig(),
]


def untrained(config):
    """A module whose batch norms are not the identity."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = RMSMapper(config).eval()
        for name, tensor in model.state_dict().items():
            if "norm" in name and tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape) + 0.5)
    return model


def tensors(model):
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("config", CONFIGS, ids=["tiny", "flow", "rgb", "base"])
@pytest.mark.parametrize("steps", [1, 97])
def test_the_sums_are_those_of_the_module(config, steps):
    pictures, model = random_pictures(steps), untrained(config)
    light = LightMapper(config, tensors(model))
    for one, other in zip(
        predict_frames(pictures, [light], 1.0),
        predict_frames(pictures, [model], 1.0),
        strict=True,
    ):
        assert one.dtype == other.dtype == np.float32 and one.shape == other.shape
        assert np.allclose(one, other, atol=1e-5)


def test_the_mapper_that_ships_predicts_the_same():
    pictures = random_pictures(120)
    light = predict_envelope([pictures], load_light_mapper())
    whole = predict_envelope([pictures], load_mapper())
    assert np.allclose(light.values, whole.values, atol=1e-5)
    assert np.allclose(light.onsets, whole.onsets)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda held: held.pop("bins.bias"), "bins.bias is missing"),
        (lambda held: held.update(more=np.zeros(1, np.float32)), "more is of no use"),
        (lambda held: held.update({"onset.bias": np.zeros(2, np.float32)}), r"of shape \(2,\)"),
    ],
)
def test_tensors_that_do_not_fit(change, said):
    held = tensors(untrained(TINY))
    change(held)
    with pytest.raises(ValueError, match=said):
        LightMapper(TINY, held)


def test_weights_that_do_not_fit_their_config_are_named(tmp_path):
    path = tmp_path / "odd.safetensors"
    model = untrained(TINY)
    model.config = dataclasses.replace(TINY, dim=9)
    save_mapper([model], path, {})
    with pytest.raises(ValueError, match=r"odd\.safetensors: config and weights do not fit"):
        load_light_mapper(path)


def test_neither_an_envelope_nor_a_preview_loads_pytorch(clip, tmp_path):
    program = (
        "import sys; from folai.cli import main\n"
        "assert main(sys.argv[1:]) == 0 and 'torch' not in sys.modules"
    )
    for order in (
        ["envelope", str(clip), "-o", str(tmp_path / "e.json")],
        ["generate", str(clip), "-o", str(tmp_path / "o.mp4"), "--sound", "wood"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", program, *order], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
