"""The scripts for REAPER, run by Lua in an imitation of REAPER, beside a studio that listens."""

import re
import shutil
import threading
import time
import xml.etree.ElementTree as ET

import pytest
import soundfile
import uvicorn

import folai
from conftest import ROOT
from folai import Envelope
from folai.studio.guard import Session, allowed_hosts
from folai.studio.project_envelopes import to_json
from folai.studio.server import make_app
from reaper_imitation import Reaper, Source
from studio_clients import TOKEN, finish

lupa = pytest.importorskip("lupa.lua54", reason="Lua is missing: pip install lupa")

FOLDER = ROOT / "integrations" / "reaper"
SCRIPTS = sorted((FOLDER / "Video").glob("*.lua"))
SEND = "folai_Send selected video item to the studio.lua"
BRING = "folai_Bring takes back from the studio.lua"


def lua(reaper=None):
    """Lua as REAPER has it (5.4); its scripts cannot reach Python."""
    world = lupa.LuaRuntime(
        unpack_returned_tuples=True, register_eval=False, register_builtins=False
    )
    if reaper is not None:
        world.globals().reaper = reaper
    return world


def run(reaper, name):
    path = FOLDER / "Video" / name
    reaper.script = str(path)
    lua(reaper).execute(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def listening(studio):
    """The shared studio on a port of its own, and a project with two layers that have takes."""
    client, opened = studio
    if shutil.which("curl") is None:
        pytest.skip("curl is missing, by which the scripts reach the studio")
    first = opened.opened  # other tests of the shared studio go on with it
    (opened.store.root / ".token").write_text(TOKEN)
    session = Session(TOKEN)
    app = make_app(opened, session, allowed_hosts("127.0.0.1"))
    config = uvicorn.Config(app, port=0, lifespan="off", log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield client, opened, f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
    opened.opened = first


@pytest.fixture
def reaper(listening, tmp_path):
    _, opened, address = listening
    made = Reaper(tmp_path)
    made.settings["folai", "address"] = address
    made.settings["folai", "projects"] = str(opened.store.root)
    return made


@pytest.fixture
def own_clip(clip, tmp_path):
    """A clip that no other test has opened, with a name that is not plain."""
    path = tmp_path / "Café, the 2nd.mp4"
    empty_box = b"\0\0\0\x08free"  # the same pictures in a file of other content
    path.write_bytes(clip.read_bytes() + empty_box)
    return path


@pytest.fixture
def sent(reaper, own_clip, listening):
    """(video item, path of its project): sent, with two layers that have an envelope."""
    video = reaper.add_video(Source(str(own_clip)), position=10.0, length=1.5, D_STARTOFFS=0.5)
    run(reaper, SEND)
    assert reaper.messages == []
    client, _, _ = listening
    project = video.texts["P_EXT:folai_project"]
    here = f"/api/projects/{project}"
    for job in client.get(here).json()["jobs"]:
        client.delete(f"/api/jobs/{job['id']}")
    curve = to_json(Envelope.from_hits([0.5, 1.5], 2.5))
    name = client.post(f"{here}/envelopes", json=curve).json()["envelope"]
    edit = client.get(here).json()["edit"]
    feet = {
        **edit["layers"][0],
        "name": "Feet: left/right",
        "gain_db": -6,
        "envelope": name,
    }
    cloth = {**feet, "id": "cloth", "name": "Cloth", "gain_db": 0, "mute": True}
    save(client, here, {**edit, "layers": [feet, cloth]})
    return video, here


def save(client, here, edit):
    revision = client.get(here).json()["revision"]
    body = {"revision": revision, "tab": "tab", "edit": edit}
    assert client.put(f"{here}/edit", json=body).status_code == 200


def generate(client, here, layer, count=1):
    sound = {"engine": "preview", "sound": "metal", "variations": count}
    reply = client.post(f"{here}/generate", json={"layer": layer, "sound": sound})
    return finish(client, reply.json())["takes"]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_scripts_are_lua(path):
    load = lua().eval("load")
    chunk, problem = load(path.read_text(encoding="utf-8"), "=" + path.name), None
    if isinstance(chunk, tuple):
        chunk, problem = chunk
    assert chunk is not None, problem


def test_json_is_read_and_written():
    json = lua().eval(f'dofile("{FOLDER / "Video" / "folai_json.lua"}")')
    text = r'{"a": [1, -2.5e3, true, null, "x\n\"\u00e9\ud83d\ude00"], "b": {}, "c": null}'
    read = json.read(text)
    assert [read.a[1], read.a[2], read.a[3], read.a[4]] == [1, -2500, True, None]
    assert read.a[5] == 'x\n"é😀' and read.c is None and len(list(read.b)) == 0
    assert json.quoted('a"\\\n') == '"a\\u0022\\u005c\\u000a"'
    for broken in ("{", '{"a" 1}', "[1,]", "nul", '"a', "1 2", ""):
        with pytest.raises(lupa.LuaError, match="JSON"):
            json.read(broken)


def test_an_item_is_opened_once_and_shown(reaper, own_clip, listening):
    client, opened, address = listening
    video = reaper.add_video(Source(str(own_clip)), position=0, length=2)
    run(reaper, SEND)
    run(reaper, SEND)
    assert reaper.messages == []
    project = video.texts["P_EXT:folai_project"]
    assert client.get(f"/api/projects/{project}").json()["clip"]["file"] == own_clip.name
    named = [entry for entry in client.get("/api/projects").json()["projects"]
             if entry["name"] == own_clip.stem]  # fmt: skip
    assert len(named) == 1 and opened.opened == project
    assert reaper.shown == [f"{address}/#{project}"] * 2
    assert not any(TOKEN in line for line in reaper.commands)  # other users see command lines
    left = {path.name for path in reaper.folder.iterdir()}
    assert left == {own_clip.name}  # no token, no cookie, no request


def test_takes_come_back_below_the_video_at_its_place(reaper, sent, listening):
    client, _, _ = listening
    _, here = sent
    feet = generate(client, here, "layer-1", 2)
    cloth = generate(client, here, "cloth")
    edit = client.get(here).json()["edit"]
    edit["layers"][0]["take"] = feet[0]
    edit["mix"] = {feet[1]: {"name": "Softer", "gain_db": -20, "mute": False, "solo": False}}
    save(client, here, edit)
    run(reaper, BRING)
    assert reaper.messages == []
    assert [track.texts["P_NAME"] for track in reaper.tracks] == [
        "Picture", "Feet: left/right", "Cloth",
    ]  # fmt: skip
    first, second = reaper.tracks[1:]
    assert first.numbers["D_VOL"] == pytest.approx(10 ** (-6 / 20))
    assert (first.numbers["B_MUTE"], second.numbers["B_MUTE"]) == (0, 1)
    for track, takes in ((first, feet), (second, cloth)):
        (item,) = track.inside
        assert item.numbers == {"D_POSITION": 10.0, "D_LENGTH": 1.5, "B_LOOPSRC": 0}
        assert [take.texts["P_EXT:folai_take"] for take in item.inside] == takes
        for take, name in zip(item.inside, takes, strict=True):
            assert take.numbers["D_STARTOFFS"] == 0.5 and take.numbers["D_PLAYRATE"] == 1
            wav, rate = soundfile.read(take.source.path)
            assert len(wav) / rate == pytest.approx(2.5, abs=0.001)
            reply = client.get(f"{here}/takes/{name}/audio")
            assert open(take.source.path, "rb").read() == reply.content
    (item,) = first.inside
    assert item.active is item.inside[0]
    assert item.inside[1].texts["P_NAME"] == "Softer"
    assert item.inside[1].numbers["D_VOL"] == pytest.approx(0.1)
    assert reaper.undo == ["begun", "Bring takes back from the folai studio"]
    assert not list(reaper.folder.rglob("*.part"))


def test_again_adds_what_is_new_and_follows_the_video(reaper, sent, listening):
    client, _, _ = listening
    video, here = sent
    generate(client, here, "layer-1")
    run(reaper, BRING)
    (item,) = reaper.tracks[1].inside
    item.inside[0].texts["P_NAME"] = "mine"
    reaper.tracks[1].numbers["D_VOL"] = 0.3
    video.numbers["D_POSITION"] = 4.0
    video.inside[0].numbers["D_STARTOFFS"] = 0.75
    generate(client, here, "layer-1")
    run(reaper, BRING)
    assert len(reaper.tracks) == 2 and reaper.tracks[1].inside == [item]
    assert reaper.tracks[1].numbers["D_VOL"] == 0.3
    assert item.numbers["D_POSITION"] == 4.0
    assert [take.numbers["D_STARTOFFS"] for take in item.inside] == [0.75, 0.75]
    assert item.inside[0].texts["P_NAME"] == "mine" and len(item.inside) == 2
    assert item.active is item.inside[1]  # the latest is heard in the studio


def test_sections_and_speeds_are_followed(reaper, sent, listening):
    client, _, _ = listening
    video, here = sent
    generate(client, here, "layer-1")
    take = video.inside[0]
    take.source = Source("", parent=take.source, offset=0.25)
    take.numbers.update(D_PLAYRATE=0.5, B_PPITCH=0)
    run(reaper, SEND)  # still the same file
    run(reaper, BRING)
    (item,) = reaper.tracks[1].inside
    numbers = item.inside[0].numbers
    assert (numbers["D_STARTOFFS"], numbers["D_PLAYRATE"], numbers["B_PPITCH"]) == (0.75, 0.5, 0)
    take.source.reverse = True
    run(reaper, SEND)
    assert "backwards" in reaper.messages[-1]


def test_what_is_missing_is_said_and_nothing_is_changed(reaper, sent, listening, tmp_path):
    video, _ = sent
    run(reaper, BRING)
    assert "no takes of this clip yet" in reaper.messages[-1]
    del video.texts["P_EXT:folai_project"]
    run(reaper, BRING)
    assert "was sent to the studio first" in reaper.messages[-1]
    video.inside[0].source.path = str(tmp_path / "gone.mp4")
    run(reaper, SEND)
    assert "there is no such file" in reaper.messages[-1]
    video.inside[0].source.kind = "MIDI"
    run(reaper, SEND)
    assert "holds no video" in reaper.messages[-1]
    reaper.selected = []
    run(reaper, SEND)
    assert reaper.messages[-1] == "Select a video item first."
    assert len(reaper.tracks) == 1 and reaper.undo == []


def test_a_studio_elsewhere_is_asked_for(reaper, own_clip, listening, tmp_path):
    _, opened, address = listening
    reaper.add_video(Source(str(own_clip)), position=0, length=2)
    reaper.settings["folai", "address"] = "http://127.0.0.1:9"
    reaper.answers = [f"{address}/?token={TOKEN}", str(opened.store.root)]
    run(reaper, SEND)
    assert "no answer from the studio at http://127.0.0.1:9" in reaper.messages[-1]
    assert reaper.settings["folai", "address"] == address  # of the link, without its token
    run(reaper, SEND)
    assert len(reaper.messages) == 1
    reaper.settings["folai", "projects"] = str(tmp_path)
    (tmp_path / ".token").write_text("another")
    reaper.answers = None
    run(reaper, SEND)
    assert "does not accept the token" in reaper.messages[-1]


def test_curl_is_needed(reaper, own_clip, monkeypatch):
    reaper.add_video(Source(str(own_clip)), position=0, length=2)
    monkeypatch.setenv("PATH", "/nowhere")
    run(reaper, SEND)
    assert "curl cannot be started" in reaper.messages[-1]


def test_a_studio_that_lets_others_in_opens_no_files(listening, own_clip):
    client, opened, _ = listening
    body = {"path": str(own_clip)}
    try:
        opened.opens_files = False
        reply = client.post("/api/projects/open", json=body)
        assert reply.status_code == 422 and "upload the clip" in reply.json()["error"]
    finally:
        opened.opens_files = True
    make_app(opened, Session(TOKEN, "sesame"), allowed_hosts("127.0.0.1"))
    assert not opened.opens_files
    opened.opens_files = True
    for path in ("clip.mp4", str(own_clip.parent), str(own_clip) + "\0"):
        assert client.post("/api/projects/open", json={"path": path}).status_code == 422


def test_the_index_names_the_files_that_are_there():
    """As ReaPack reads it; `python integrations/reaper/make_index.py` writes it."""
    index = ET.parse(FOLDER / "index.xml").getroot()
    (category,) = index.findall("category")
    (package,) = category.findall("reapack")
    (version,) = package.findall("version")
    assert index.get("version") == "1" and package.get("type") == "script"
    assert version.get("name") == folai.__version__
    sources = version.findall("source")
    files = {source.get("file") or package.get("name") for source in sources}
    assert files == {path.name for path in SCRIPTS} and category.get("name") == "Video"
    actions = {s.get("file") or package.get("name") for s in sources if s.get("main")}
    assert actions == {SEND, BRING}
    for source in sources:
        assert re.fullmatch(r"http://127\.0\.0\.1:8000/Video/[\w%.]+", source.text)


def test_the_index_is_what_its_script_writes(tmp_path):
    import importlib.util

    spec = importlib.util.spec_from_file_location("make_index", FOLDER / "make_index.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.index("http://127.0.0.1:8000") == (FOLDER / "index.xml").read_text("utf-8")
    assert "https://a.org/b/Video/folai_json.lua" in module.index("https://a.org/b/")
