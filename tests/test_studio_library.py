"""The library in the studio: searched, heard, liked, used; and what is said where there is none."""

import numpy as np
import pytest

from folai.library.adding import add_folders
from folai.library.index import default_library, opened_library
from folai.media.audio import write_wav
from studio_clients import opened

RATE = 44_100


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder of the user's data, with a library of four recordings."""
    home = tmp_path_factory.mktemp("data")
    folder = home / "sounds" / "footstep gravel"
    folder.mkdir(parents=True)
    time = np.arange(round(0.3 * RATE)) / RATE
    for number in range(4):
        noise = np.random.default_rng(number).uniform(-1, 1, time.size)
        wav = 0.5 * noise * np.exp(-time / 0.03)
        write_wav(folder / f"{number}.wav", wav[None].astype(np.float32), RATE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(home))
        with opened_library(default_library(), create=True) as connection:
            add_folders(connection, [folder])
        yield home


def test_recordings_are_found_heard_liked_and_used(home, clip, tmp_path):
    with opened(tmp_path, clip) as (client, studio):
        found = client.get("/api/library", params={"words": "boots on pebbles"}).json()
        assert len(found["hits"]) == 4 and found["message"] == ""
        hit = found["hits"][0]
        assert hit["folder"] == "footstep gravel" and "path" not in hit
        sound = client.get(f"/api/library/{hit['file']}/audio")
        assert sound.content[:4] == b"RIFF"
        like = client.get(f"/api/library/{hit['file']}/like").json()["hits"]
        assert len(like) == 3 and hit["file"] not in [one["file"] for one in like]
        assert client.get("/api/library").json()["hits"] == []
        assert (
            client.patch(f"/api/library/{hit['file']}", json={"favourite": True}).status_code == 204
        )
        project = studio.store.summaries()[0]["id"]
        files = [one["file"] for one in found["hits"]]
        used = client.post(f"/api/projects/{project}/references/library", json={"files": files})
        assert used.status_code == 201 and used.json()["name"] == "4 recordings"
        assert used.json()["duration"] == pytest.approx(4 * 0.2, abs=0.5)
        kept = client.get("/api/library").json()["hits"]
        assert kept[0]["file"] == hit["file"] and kept[0]["reason"] == "favourite"
        assert len(kept) == 4


def test_what_is_not_there_is_said(home, clip, tmp_path, monkeypatch):
    with opened(tmp_path, clip) as (client, _):
        assert client.get("/api/library/999999/audio").status_code == 404
        assert client.get("/api/library/abc/audio").status_code == 404
        assert client.get("/api/library", params={"kind": "loud"}).status_code == 400
        nothing = client.get("/api/library", params={"words": "parliament"}).json()
        assert nothing["message"].startswith("Nothing found")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "empty"))
    with opened(tmp_path / "other", clip) as (client, _):
        assert "folai library add" in client.get("/api/library").json()["message"]
        assert client.get("/api/library/1/audio").status_code == 404
