"""A take leaves the page as a file: downloaded with one click, or dragged out."""

import soundfile
from driving import generate, open_drawn


def test_a_take_is_downloaded_and_dragged_out(page, server, short_clip, tmp_path):
    open_drawn(page, server, short_clip, [(0.4, 0.3)])
    take = generate(page)
    with page.expect_download() as downloading:
        page.click(f"[data-take='{take}'] button[title^=Download]")
    download = downloading.value
    assert download.suggested_filename.endswith("Layer 1 Take 1.wav")
    download.save_as(tmp_path / "take.wav")
    info = soundfile.info(tmp_path / "take.wav")
    assert info.subtype == "PCM_24" and abs(info.duration - 1.5) < 0.1
    dragged = page.evaluate(
        """(take) => {
          const data = new DataTransfer();
          const event = new DragEvent("dragstart", { dataTransfer: data, bubbles: true });
          document.querySelector(`[data-take="${take}"] canvas`).dispatchEvent(event);
          return data.getData("DownloadURL");
        }""",
        take,
    )
    kind, name, address = dragged.split(":", 2)
    assert (kind, name) == ("audio/wav", download.suggested_filename)
    reply = page.request.get(address)
    assert reply.status == 200 and reply.body() == (tmp_path / "take.wav").read_bytes()
