"""What the studio sounds like by an addition to the model, or by what the picture suggests."""

import time

import numpy as np
import pytest

from folai.checkpoints import FOLEY
from folai.diffusion.foley_files import load_base
from folai.diffusion.lora_files import save_foley_lora
from folai.envelope import Envelope
from folai.library.adding import add_folders
from folai.library.index import default_library, opened_library
from folai.media.audio import read_audio, write_wav
from folai.models.lora import add_lora, lora_tensors
from folai.studio import api_suggestions
from folai.suggest.seeing import can_see
from studio_clients import finish, opened

SOUND = {"engine": "diffusion", "prompt": "hit cloth", "num_steps": 1}


@pytest.fixture(scope="module")
def lora(tmp_path_factory):
    """An addition that changes what is heard."""
    config, dit, _ = load_base()
    add_lora(dit, 1)
    tensors = lora_tensors(dit)
    loud = {name: value + 0.05 if name.endswith("up") else value for name, value in tensors.items()}
    path = tmp_path_factory.mktemp("lora") / "lora.safetensors"
    save_foley_lora(path, loud, config.dit, {})
    return path


def predicted(studio, project) -> str:
    """Gives the project a prediction of two hits."""
    for job in studio.jobs.of_project(project.id):
        studio.jobs.cancel(job.id)
    name = project.add_envelope(Envelope.from_hits([0.3, 0.8], project.duration))
    with project.change() as document:
        document["prediction"] = name
    return name


def add(client, project, path, name="mine.safetensors"):
    url = f"/api/projects/{project.id}/additions"
    return client.post(url, params={"name": name}, content=path.read_bytes())


def take(client, project, sound):
    body = {"layer": "layer-1", "sound": sound}
    job = finish(client, client.post(f"/api/projects/{project.id}/generate", json=body).json())
    assert job["state"] == "done", job["message"]
    return job["takes"][0]


def test_an_addition_is_kept_heard_and_copied_and_its_loss_is_told(lora, clip, tmp_path):
    with opened(tmp_path, clip) as (client, studio):
        project = studio.open(studio.store.summaries()[0]["id"])
        predicted(studio, project)
        first, second = add(client, project, lora), add(client, project, lora, "again.safetensors")
        assert first.status_code == 201 and first.json() == second.json() | {
            "name": "mine.safetensors"
        }
        name = first.json()["id"]
        described = client.get(f"/api/projects/{project.id}").json()
        assert described["additions"] == [{"id": name, "name": "mine.safetensors"}]
        takes = [take(client, project, {**SOUND, **more}) for more in ({}, {"lora": name})]
        plain, taught = (read_audio(studio.take_path(project, one))[0] for one in takes)
        assert np.abs(plain - taught).max() > 0.001  # the same to the bit without it
        assert project["takes"][1]["sound"]["lora"] == name
        # copied with the sound of its layer, undisturbed by what is cleared away
        with project.change() as document:
            document["edit"]["layers"][0]["sound"] = {**SOUND, "lora": name}
        other = tmp_path / "other.mp4"
        other.write_bytes(clip.read_bytes() + b"\0")
        target = studio.open_file(other)
        body = {"layer": "layer-1", "projects": [target.id]}
        client.post(f"/api/projects/{project.id}/spread-sound", json=body)
        assert target["edit"]["layers"][0]["sound"]["lora"] == name
        target.drop_unused()
        file = target.media / "additions" / f"{name}.safetensors"
        assert file.read_bytes() == lora.read_bytes()
        predicted(studio, target)
        file.unlink()
        refused = client.post(f"/api/projects/{target.id}/generate", json={"layer": "layer-1"})
        assert refused.status_code == 422
        assert refused.json()["error"].startswith("the addition mine.safetensors is gone")
        sound = {**SOUND, "lora": "0123"}
        refused = client.post(
            f"/api/projects/{project.id}/generate", json={"layer": "layer-1", "sound": sound}
        )
        assert refused.status_code == 422 and "open its file again" in refused.json()["error"]


def test_what_is_no_addition_is_refused_by_its_own_name(clip, tmp_path):
    with opened(tmp_path, clip) as (client, studio):
        project = studio.open(studio.store.summaries()[0]["id"])
        refused = add(client, project, FOLEY)
        assert refused.status_code == 422
        assert refused.json()["error"].startswith("mine.safetensors: no addition to folai's")
        assert list(project.media.glob(".upload*")) == []
        (empty := tmp_path / "empty").touch()
        assert "damaged" in add(client, project, empty).json()["error"]


def suggested(client, url):
    """What is suggested once the clip was looked at."""
    until = time.monotonic() + 200
    while (reply := client.get(url).json())["waiting"]:
        assert time.monotonic() < until
        time.sleep(0.02)
    return reply["suggestions"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A library with one recording of each of two materials."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for label in ("wood hit", "metal hit"):
        folder = tmp_path / "sounds" / label
        folder.mkdir(parents=True)
        noise = np.random.default_rng(len(label)).uniform(-0.5, 0.5, (1, 8000))
        write_wav(folder / "1.wav", noise.astype(np.float32), 44_100)
    with opened_library(default_library(), create=True) as connection:
        add_folders(connection, [tmp_path / "sounds"])


def test_the_picture_suggests_and_the_library_goes_first(home, clip, tmp_path, monkeypatch):
    guesses = [
        {"material": name, "prompt": f"hit {name}", "probability": share}
        for name, share in (("wood", 0.4), ("metal", 0.3), ("water", 0.1))
    ]
    asked = []
    monkeypatch.setattr(api_suggestions, "can_see", lambda: True)
    monkeypatch.setattr(api_suggestions, "look", lambda *given: asked.append(given) or guesses)
    with opened(tmp_path / "projects", clip) as (client, studio):
        project = studio.open(studio.store.summaries()[0]["id"])
        url = f"/api/projects/{project.id}/suggestions"
        name = predicted(studio, project)
        assert client.get(url).json()["waiting"]
        found = suggested(client, url)
        assert [one["probability"] for one in found] == [0.4, 0.3, 0.1]
        assert [hit["folder"] for hit in found[0]["hits"]] == ["wood hit"]
        assert [hit["folder"] for hit in found[1]["hits"]] == ["metal hit"]
        client.get(url)
        assert asked == [(project, name)]  # once for a prediction


def test_without_the_extra_it_is_said_how_to_get_it(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(api_suggestions, "can_see", lambda: False)
    with opened(tmp_path, clip) as (client, studio):
        project = studio.store.summaries()[0]["id"]
        told = client.get(f"/api/projects/{project}/suggestions").json()
        assert told["suggestions"] == [] and "pip install 'folai[suggest]'" in told["message"]


@pytest.mark.skipif(not can_see(), reason="needs the extra: pip install 'folai[suggest]'")
def test_a_process_of_its_own_looks_at_the_clip(clip, tmp_path):
    with opened(tmp_path, clip) as (client, studio):
        project = studio.open(studio.store.summaries()[0]["id"])
        predicted(studio, project)
        found = suggested(client, f"/api/projects/{project.id}/suggestions")
        assert len(found) == 3 and found[0]["prompt"].startswith("hit ")
        shares = [one["probability"] for one in found]
        assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1
