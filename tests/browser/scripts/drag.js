// Drags over the envelope for 150 frames; returns the ms of each.
async () => {
  const box = document.getElementById("envelope").getBoundingClientRect();
  const send = (type, x, y, buttons) => document.getElementById("envelope").dispatchEvent(new PointerEvent(type,
    {bubbles: true, pointerId: 7, pointerType: "mouse", clientX: x, clientY: y, buttons, button: 0}));
  const spent = [];
  const frames = [];
  let before = performance.now();
  send("pointerdown", box.left + 100, box.top + 40, 1);
  for (let n = 0; n < 150; n++) {
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - before);
    before = now;
    send("pointermove", box.left + 100 + 4 * n, box.top + 60 + 30 * Math.sin(n / 9), 1);
    spent.push(performance.now() - now);
  }
  send("pointerup", box.left + 700, box.top + 60, 0);
  return frames.slice(10);
}
