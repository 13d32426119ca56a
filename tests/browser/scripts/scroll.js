// Scrolls for 120 frames; returns the ms of each.
async () => {
  const frames = [];
  let before = performance.now();
  for (let n = 0; n < 120; n++) {
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - before);
    before = now;
    folai.axis.scroll(6);
  }
  return frames.slice(10);
}
