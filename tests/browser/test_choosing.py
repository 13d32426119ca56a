"""Choosing the sound: what the picture suggests, pools of the library, an addition to the model."""

import numpy as np
import pytest
from driving import (
    generate,
    open_studio,
    saved,
    show_advanced,
    start_server,
    stop_server,
    wait_until,
)

from folai.diffusion.foley_files import load_base
from folai.diffusion.lora_files import save_foley_lora
from folai.library.adding import add_folders
from folai.library.index import default_library, opened_library
from folai.media.audio import write_wav
from folai.models.lora import add_lora, lora_tensors
from folai.suggest.head import load_head
from folai.suggest.seeing import can_see

ROWS = "#suggestions li"
SOUND = "folai.studio.layer.sound"
COUNT_PLAYED = """() => {
  const { player } = folai, once = player.once.bind(player);
  globalThis.heard = 0;
  player.once = (...given) => (heard++, once(...given));
}"""


@pytest.fixture(scope="module")
def furnished(demo_clip, tmp_path_factory):
    """A server whose user has two recordings of each material that can be suggested."""
    home = tmp_path_factory.mktemp("home")
    time = np.arange(22050) / 44100
    for material in load_head().materials:
        folder = home / "sounds" / f"hit {material}"
        folder.mkdir(parents=True)
        for number in range(2):
            noise = np.random.default_rng(number).uniform(-0.5, 0.5, time.size)
            wav = (noise * np.exp(-time / 0.05)).astype(np.float32)[None]
            write_wav(folder / f"{number}.wav", wav, 44100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(home))
        with opened_library(default_library(), create=True) as connection:
            add_folders(connection, [home / "sounds"])
        started = start_server(home / "projects", demo_clip)
    yield started
    stop_server(started)


@pytest.mark.skipif(not can_see(), reason="needs the extra: pip install 'folai[suggest]'")
def test_the_picture_suggests_three_pools_to_hear_and_to_use(page, furnished):
    open_studio(page, furnished)
    wait_until(page, f"document.querySelectorAll('{ROWS}').length === 3", 200)
    texts = page.locator(f"{ROWS} .name").all_text_contents()
    assert all(" %: 2 recordings" in text for text in texts)
    page.evaluate(COUNT_PLAYED)
    page.locator(ROWS).nth(1).get_by_text("▶").click()
    wait_until(page, "heard === 2")
    page.locator(ROWS).nth(1).get_by_text("→").click()
    wait_until(page, f"{SOUND}.reference")
    used = "folai.studio.references.find((one) => one.id === folai.studio.layer.sound.reference)"
    assert page.evaluate(f"{used}.name") == "2 recordings"
    assert page.is_hidden("#suggestions")
    page.keyboard.press("Control+z")
    wait_until(page, f"!{SOUND}.reference")
    assert page.is_visible("#suggestions")
    page.locator(f"{ROWS} .name").first.click()
    assert page.input_value("#prompt") == texts[0].split(",")[0]
    assert page.is_hidden("#suggestions")
    page.keyboard.press("Control+z")
    saved(page)


def test_without_the_extra_the_page_says_how_to_get_it(page, server):
    told = '{"suggestions": [], "message": "pip install it", "waiting": false}'
    page.route(
        "**/suggestions", lambda route: route.fulfill(body=told, content_type="application/json")
    )
    open_studio(page, server)
    if page.evaluate(f"{SOUND}.prompt || {SOUND}.reference || {SOUND}.sound"):
        pytest.skip("another test has chosen a sound")
    wait_until(page, "document.querySelector('#suggestions').textContent.includes('pip install')")


def test_an_addition_is_opened_kept_undone_and_reaches_the_takes(page, furnished, tmp_path):
    config, dit, _ = load_base()
    add_lora(dit, 1)
    save_foley_lora(tmp_path / "mine.safetensors", lora_tensors(dit), config.dit, {})
    (tmp_path / "no.safetensors").write_bytes(b"nothing of the kind")
    open_studio(page, furnished)
    show_advanced(page)
    page.set_input_files("#lora-file", tmp_path / "no.safetensors")
    wait_until(page, "document.querySelector('#messages').textContent.includes('no.safetensors')")
    page.set_input_files("#lora-file", tmp_path / "mine.safetensors")
    wait_until(page, f"{SOUND}.lora")
    name = page.evaluate(f"{SOUND}.lora")
    assert page.eval_on_selector("#lora", "(one) => one.selectedOptions[0].text") == (
        "mine.safetensors"
    )
    page.keyboard.press("Control+z")
    assert page.input_value("#lora") == ""
    page.keyboard.press("Control+Shift+z")
    assert page.input_value("#lora") == name
    saved(page)
    page.reload()
    page.wait_for_selector("body[data-ready=true]")
    assert page.input_value("#lora") == name
    wait_until(page, "!folai.studio.readOnly", 45)
    page.fill("#prompt", "hit cloth")
    page.keyboard.press("Tab")
    generate(page)
    assert page.evaluate("folai.studio.takes.at(-1).sound.lora") == name
    saved(page)


def test_the_library_is_used_by_keys_alone(page, furnished):
    open_studio(page, furnished)
    page.evaluate(COUNT_PLAYED)
    page.fill("#library-words", "hit wood")
    rows = "#library-hits .recording"
    wait_until(page, f"document.querySelectorAll('{rows}').length >= 2")
    names = page.locator(f"{rows} .name").all_text_contents()
    assert page.locator(f"{rows} .name").first.get_attribute("aria-keyshortcuts")
    page.keyboard.press("Alt+Shift+ArrowDown")
    wait_until(page, "heard === 1")
    assert page.locator(f'{rows}[aria-current="true"] .name').text_content() == names[1]
    page.keyboard.press("Alt+Shift+t")
    wait_until(page, "document.querySelectorAll('.recording [aria-pressed=true]').length === 1")
    page.keyboard.press("Alt+Shift+t")
    wait_until(page, "document.querySelectorAll('.recording [aria-pressed=true]').length === 0")
    page.keyboard.press("Alt+Shift+Enter")
    wait_until(page, f"{SOUND}.reference")
    used = "folai.studio.references.find((one) => one.id === folai.studio.layer.sound.reference)"
    assert page.evaluate(f"{used}.name") in names[1]
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Control+z")
    wait_until(page, f"!{SOUND}.reference")
    keyless = """[...document.querySelectorAll('.recording[aria-current=true] button')]
      .filter((one) => !one.getAttribute('aria-keyshortcuts'))"""
    assert page.evaluate(f"{keyless}.length") == 0
    saved(page)
