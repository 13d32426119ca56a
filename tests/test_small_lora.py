"""The small model taught one's own recordings: a small addition, merged at load."""

import numpy as np
import pytest
import torch

from folai.checkpoints import FOLEY
from folai.diffusion.addition import check_addition, write_addition
from folai.diffusion.foley_files import load_base, load_foley
from folai.diffusion.lora_files import merge_foley_lora, save_foley_lora
from folai.diffusion.options import DiffusionOptions
from folai.engines import Request, diffusion
from folai.library.adding import add_folders
from folai.library.index import opened_library
from folai.media.audio import write_wav
from folai.models.lora import add_lora, lora_tensors
from folai.train.small_lora import LoraOptions, library_sounds, train_lora

RATE = 44_100


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    root = tmp_path_factory.mktemp("sounds")
    folder = root / "cloth leather"
    folder.mkdir()
    time = np.arange(RATE // 2) / RATE
    for number in range(4):
        noise = np.random.default_rng(number).uniform(-1, 1, time.size)
        wav = 0.5 * noise * np.exp(-time / 0.05)
        write_wav(folder / f"{number}.wav", wav[None].astype(np.float32), RATE)
    with opened_library(root / "sounds.db", create=True) as connection:
        add_folders(connection, [root])
    return root / "sounds.db"


def test_a_short_training_writes_one_small_file_that_changes_the_model(library, tmp_path):
    options = LoraOptions(
        library="cloth leather", library_file=library, out=tmp_path, steps=2,
        batch_seconds=2.0, rank=2, log_every=1,
    )  # fmt: skip
    path = train_lora(options, lambda text: None)
    assert path.stat().st_size < 0.05 * FOLEY.stat().st_size
    plain, taught = load_foley(), load_foley(lora=path)
    changed = [
        name
        for name, weight in plain.dit.state_dict().items()
        if not torch.equal(weight, taught.dit.state_dict()[name])
    ]
    assert changed and all(name.endswith(("inward.weight", "outward.weight", "query.weight",
                                          "memory.weight")) for name in changed)  # fmt: skip


def test_an_addition_is_merged_exactly_and_fits_its_base_alone(tmp_path):
    config, dit, _ = load_base()
    x = torch.randn(2, 5, dit.blocks[0].attention.inward.in_features)
    plain = dit.blocks[0].attention.inward.weight.clone()
    add_lora(dit, 2)
    layer = dit.blocks[0].attention.inward
    torch.nn.init.normal_(layer.up, std=0.1)
    wanted = layer(x)
    save_foley_lora(tmp_path / "a.safetensors", lora_tensors(dit), config.dit, {})
    _, other, _ = load_base()
    merge_foley_lora(tmp_path / "a.safetensors", other)
    merged = other.blocks[0].attention.inward
    assert not torch.equal(merged.weight, plain)
    torch.testing.assert_close(merged(x), wanted, atol=2e-3, rtol=2e-3)
    with pytest.raises(ValueError, match=r"foley.*"):
        merge_foley_lora(FOLEY, other)


def test_an_addition_is_one_file_that_tells_where_it_is_damaged(tmp_path):
    config, dit, _ = load_base()
    add_lora(dit, 1)
    path = tmp_path / "a.safetensors"
    save_foley_lora(path, lora_tensors(dit), config.dit, {"rank": 1})
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["a.safetensors"]
    check_addition(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ValueError, match="damaged, its sha256"):
        check_addition(path)
    path.write_bytes(whole[:100])
    with pytest.raises(ValueError, match=r"a\.safetensors: damaged"):
        check_addition(path)
    with pytest.raises(ValueError, match="does not exist"):
        check_addition(tmp_path / "none.safetensors")
    write_addition(path, {}, {"dim": 8}, {})
    with pytest.raises(ValueError, match="another base"):
        check_addition(path)


def test_models_with_another_addition_are_loaded_anew():
    plain, taught = DiffusionOptions(), DiffusionOptions(lora="mine.safetensors")
    request = Request(1.0, prompt="cloth")
    assert diffusion.needs(plain, request) != diffusion.needs(taught, request)


def test_words_find_what_is_learned(library):
    sounds = library_sounds("leather", library)
    assert len(sounds) == 4 and {sound.label for sound in sounds} == {"cloth leather"}
    with pytest.raises(ValueError, match="the library has nothing for 'parliament'"):
        library_sounds("parliament", library)
    with pytest.raises(ValueError, match="no words are given"):
        LoraOptions()
