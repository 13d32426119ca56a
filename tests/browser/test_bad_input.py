"""What goes wrong says so in the page, and says what to do."""

import json

import numpy as np
import pytest
from clips import write_sound_only, write_unplayable_clip
from driving import bring, leave, open_studio, saved, start_server, stop_server, wait_until

from folai.media.audio import write_wav


@pytest.fixture
def studio(page, server):
    page.goto(server.link)
    page.wait_for_selector("body[data-ready=true]")
    return page


def message(page) -> str:
    page.wait_for_selector("#messages .message")
    return page.inner_text("#messages")


def test_an_empty_file(studio, tmp_path):
    empty = tmp_path / "empty.mp4"
    empty.touch()
    studio.set_input_files("#video-file", empty)
    assert "0 bytes" in message(studio)


def test_a_clip_without_pictures(studio, tmp_path):
    studio.set_input_files("#video-file", write_sound_only(tmp_path / "sound.mp4"))
    assert "video" in message(studio)


def test_what_is_no_video(studio, tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("this is no video")
    studio.set_input_files("#video-file", text)
    assert "text.mp4" in message(studio)


def test_a_silent_reference(studio, tmp_path):
    silent = tmp_path / "silent.wav"
    write_wav(silent, np.zeros((1, 44100), np.float32), 44100)
    studio.set_input_files("#reference-file", silent)
    assert "silent" in message(studio)


def test_a_video_that_the_browser_cannot_play(studio, server, tmp_path):
    """It is converted, with stills meanwhile, and then plays."""
    clip = write_unplayable_clip(tmp_path / "film.mkv")
    studio.set_input_files("#video-file", clip)
    wait_until(studio, "folai.studio.project.name.startsWith('film')")
    wait_until(studio, "folai.studio.project.video.state === 'ready'", 60)
    wait_until(studio, "document.getElementById('video').readyState >= 2", 30)
    assert studio.is_hidden("#viewer-note")
    assert studio.locator("#messages .message").count() == 0


def test_a_second_tab_is_told_and_overwrites_nothing(studio, server, context):
    open_studio(studio, server)
    second = context.new_page()
    open_studio(second, server, editing=False)
    second.wait_for_selector("#messages .message")
    assert "Another tab edits" in second.inner_text("#messages")
    count = len(second.evaluate("Array.from(folai.studio.curve.onsets)"))
    second.keyboard.press("h")
    second.evaluate(
        "folai.studio.edit(() => ({first: 0, values: Float32Array.of(9), removed: [], added: []}))"
    )
    assert len(second.evaluate("Array.from(folai.studio.curve.onsets)")) == count
    second.click("text=Edit here instead")
    wait_until(second, "!folai.studio.readOnly")
    wait_until(studio, "folai.studio.readOnly")
    assert "Another tab edits" in message(studio)
    second.evaluate("folai.transport.seek(3)")
    second.keyboard.press("h")
    saved(second)
    wait_until(studio, f"folai.studio.curve.onsets.length === {count + 1}")
    second.keyboard.press("Control+z")
    saved(second)
    leave(second)


def test_a_project_of_a_newer_version(page, short_clip, tmp_path):
    """It is listed with the reason, cannot be opened, and is left as it is."""
    server = start_server(tmp_path / "projects")
    try:
        page.goto(server.link)
        page.wait_for_selector("body[data-ready=true]")
        project = bring(page, server, short_clip)
        file = tmp_path / "projects" / project / "project.json"
        known = json.loads(file.read_text())
        newer = json.dumps({**known, "version": 999})
        stop_server(server)
        file.write_text(newer)
        server = start_server(tmp_path / "projects")
        page.goto(server.link)
        page.wait_for_selector("#projects li")
        assert page.locator("#projects button").is_disabled()
        assert "version" in page.inner_text("#projects")
        assert file.read_text() == newer
    finally:
        stop_server(server)


def test_a_server_that_stops_and_starts_again(page, short_clip, tmp_path):
    """What is edited meanwhile is saved once it is back."""
    projects = tmp_path / "projects"
    server = start_server(projects, short_clip)
    port = int(server.address.rsplit(":", 1)[1])
    try:
        open_studio(page, server)
        server.process.kill()
        server.process.wait()
        page.evaluate("folai.transport.seek(1)")
        page.keyboard.press("h")
        page.wait_for_selector("text=Not saved")
        assert "folai studio" in page.inner_text("#messages")
        count = page.evaluate("folai.studio.curve.onsets.length")
        server = start_server(projects, port=port)
        wait_until(page, "folai.saver.state === 'saved'", 40)  # without anybody's help
        page.reload()
        page.wait_for_selector("body[data-ready=true]")
        wait_until(page, f"folai.studio.curve?.onsets.length === {count}")
    finally:
        stop_server(server)
