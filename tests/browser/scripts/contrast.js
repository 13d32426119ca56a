// [contrast, element] of all text that can be seen (WCAG 2.2, relative luminance).
() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = (colour, under = [0, 0, 0]) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b].map((v, i) => (v * a + under[i] * (255 - a)) / 255);
  };
  const behind = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/^rgba.*, 0\)$|transparent/.test(colour)) return rgb(colour);
    }
    return [255, 255, 255];
  };
  const light = (c) => c.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const texts = [...document.querySelectorAll("body *")].filter((e) => e.offsetParent !== null && e.checkVisibility() && !e.disabled &&
    !e.closest("button:disabled, #viewer, .hidden, option") &&
    ([...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || e.matches("select, input:not([type=range], [type=checkbox], [type=radio])")));
  return texts.map((e) => {
    const under = behind(e);
    return [ratio(rgb(getComputedStyle(e).color, under), under), e.outerHTML.slice(0, 90)];
  });
}
