"""Weights on disk: back as they were saved, and refused in one line where they are not."""

import dataclasses
import json
import os

import numpy as np
import pytest
import torch

from folai.checkpoints import (
    average_mappers,
    join_mappers,
    load_autoencoder,
    load_mapper,
    load_weights,
    save_mapper,
    save_weights,
)
from folai.models.mapper_config import MapperConfig
from folai.models.rms_mapper import RMSMapper

TINY = MapperConfig(channels=(8, 8), dim=8, hidden=8, num_layers=1, num_bins=16)


@pytest.fixture
def saved(tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        models = [RMSMapper(TINY), RMSMapper(TINY)]
    path = tmp_path / "mapper.safetensors"
    save_mapper(models, path, {"data": "none"})
    return models, path


def edit(path, **changes):
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**card, **changes}))


def refused(path):
    with pytest.raises(ValueError) as caught:
        load_mapper(path)
    message = str(caught.value)
    assert "\n" not in message and path.stem in message
    return message


def test_saved_and_loaded(saved):
    models, path = saved
    loaded = load_mapper(path)
    assert len(loaded) == 2
    for before, after in zip(models, loaded, strict=True):
        assert after.config == TINY and not after.training
        for name, tensor in before.state_dict().items():
            found = after.state_dict()[name]
            assert found.dtype == tensor.dtype
            assert np.allclose(found, tensor, rtol=1e-3, atol=1e-6), name  # kept as fp16


def test_what_stands_beside_the_weights(saved):
    _, path = saved
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["notes"] == {"data": "none"} and len(card["config"]["models"]) == 2
    for config in card["config"]["models"]:
        assert MapperConfig(**{**config, "channels": tuple(config["channels"])}) == TINY
    assert sorted(item.name for item in path.parent.iterdir()) == [
        "mapper.json",
        "mapper.safetensors",
    ]


def test_one_config_for_all_as_older_files_have_it(saved):
    models, path = saved
    edit(path, config=dataclasses.asdict(TINY))
    assert [model.config for model in load_mapper(path)] == [TINY] * len(models)


def test_mappers_of_different_sizes_are_joined(saved, tmp_path):
    _, path = saved
    larger = dataclasses.replace(TINY, dim=12)
    save_mapper([RMSMapper(larger)], tmp_path / "larger.safetensors", {})
    joined = tmp_path / "joined.safetensors"
    join_mappers([path, tmp_path / "larger.safetensors"], joined)
    assert [model.config for model in load_mapper(joined)] == [TINY, TINY, larger]


def test_mappers_that_predict_other_bins_are_not_joined(saved, tmp_path):
    _, path = saved
    other = tmp_path / "other.safetensors"
    save_mapper([RMSMapper(dataclasses.replace(TINY, num_bins=32))], other, {})
    with pytest.raises(ValueError, match="differ in num_bins"):
        join_mappers([path, other], tmp_path / "joined.safetensors")


def test_weights_are_averaged_of_mappers_of_one_size_alone(saved, tmp_path):
    models, path = saved
    alone = [tmp_path / f"{index}.safetensors" for index in range(2)]
    for model, one in zip(models, alone, strict=True):
        save_mapper([model], one, {"seed": one.stem})
    mean = tmp_path / "mean.safetensors"
    average_mappers(alone, mean)
    (averaged,) = load_mapper(mean)
    states = [model.state_dict() for model in (averaged, *models)]
    for name, tensor in states[0].items():
        expected = (states[1][name] + states[2][name]) / 2
        assert np.allclose(tensor, expected, atol=1e-3), name  # each kept as fp16
    assert json.loads(mean.with_suffix(".json").read_text())["notes"] == {
        "averaged": [{"seed": "0"}, {"seed": "1"}]
    }
    with pytest.raises(ValueError, match="differ in size"):
        average_mappers([alone[0], path], tmp_path / "no.safetensors")


def test_missing_files(saved):
    _, path = saved
    assert "not found" in refused(path.with_name("mapper-other.safetensors"))
    path.with_suffix(".json").unlink()
    assert "mapper.json: weights not found" in refused(path)


def test_truncated(saved):
    _, path = saved
    path.write_bytes(path.read_bytes()[:-100])
    assert "damaged" in refused(path)


def test_wrong_hash(saved):
    _, path = saved
    edit(path, sha256="0" * 64)
    assert "sha256" in refused(path)


def test_not_json(saved):
    _, path = saved
    described = path.with_suffix(".json")
    described.write_text(described.read_text()[:40])
    assert "not JSON" in refused(path)
    described.write_text("[]")
    assert "not weights of a mapper" in refused(path)


@pytest.mark.parametrize("change", [{"version": 2}, {"format": "folai-autoencoder"}])
def test_other_versions_and_formats(saved, change):
    _, path = saved
    edit(path, **change)
    assert "not weights of a mapper that this version can read" in refused(path)


@pytest.mark.parametrize(
    "config",
    [
        dataclasses.asdict(TINY) | {"dim": 9},
        dataclasses.asdict(TINY) | {"depth": 3},
        {"dim": 8},
        {"models": [dataclasses.asdict(TINY)]},  # of the two
        {"models": 2},
    ],
)
def test_config_that_does_not_fit(saved, config):
    _, path = saved
    edit(path, config=config)
    assert "do not fit each other" in refused(path)


def test_any_kind_of_weights(tmp_path):
    path = tmp_path / "thing.safetensors"
    tensors = {"a": torch.randn(3, 2), "steps": torch.tensor(7)}
    save_weights(path, "thing", tensors, {"size": 3}, {"data": "none"})
    weights = load_weights(path, "thing")
    assert (weights.config, weights.notes) == ({"size": 3}, {"data": "none"})
    assert weights.tensors["a"].dtype == torch.float32 and weights.tensors["steps"] == 7
    with pytest.raises(ValueError, match=r"thing\.safetensors: config and weights do not fit"):
        weights.fill(torch.nn.Linear(2, 3))


def test_weights_of_another_kind(saved):
    _, path = saved
    with pytest.raises(ValueError, match="not weights of an autoencoder that this version can"):
        load_autoencoder(path)


@pytest.mark.parametrize("moment", range(1, 4))
def test_weights_that_are_replaced_can_be_read_at_every_moment(saved, monkeypatch, moment):
    models, path = saved
    with torch.no_grad():
        models[0].bins.bias += 1
    replaced, renames = os.replace, []

    def dies(source, target):
        renames.append(target)
        if len(renames) == moment:
            raise KeyboardInterrupt
        replaced(source, target)

    monkeypatch.setattr(os, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        save_mapper(models[:1], path, {})
    monkeypatch.undo()
    loaded = load_mapper(path)
    assert len(loaded) == (2 if moment < 3 else 1)
    assert len(list(path.parent.iterdir())) == 2
    save_mapper(models, path, {})
    assert "before" not in json.loads(path.with_suffix(".json").read_text())
