"""The mapper learns from a region that was put right, and the rest is taken over."""

from driving import open_studio, saved, wait_until

HITS = "[...folai.studio.curve.onsets].map((time) => Math.round(1000 * time))"
DISABLED = "document.querySelector('[data-command=learn]').disabled"


def test_a_region_teaches_the_rest(page, new_server):
    open_studio(page, new_server)
    page.evaluate("folai.studio.select(null)")
    wait_until(page, DISABLED)
    page.evaluate("folai.transport.seek(1.0)")
    page.keyboard.press("h")  # a hit that nobody predicted
    page.evaluate("folai.studio.select({start: 0, end: 2.1})")
    wait_until(page, f"!{DISABLED}")
    page.locator("[data-command=learn]").click()
    wait_until(page, "document.querySelector('#timeline-note').textContent.startsWith('Learning')")
    wait_until(page, DISABLED)  # one at a time
    page.get_by_role("button", name="Accept").wait_for(timeout=180_000)
    edited = page.evaluate(HITS)
    ghost = HITS.replace("studio.curve", "studio.ghost.curve")
    wait_until(page, f"({ghost}).includes(1000)")
    page.get_by_role("button", name="Accept").click()
    wait_until(page, f"JSON.stringify({HITS}) === JSON.stringify({ghost})")
    assert 1000 in page.evaluate(HITS)
    assert page.get_by_role("button", name="Accept").count() == 0
    page.keyboard.press("Control+z")
    assert page.evaluate(HITS) == edited
    page.keyboard.press("Control+z")
    saved(page)
