/** A canvas that is as sharp as the screen, and the page's colours for drawing. */

/** @typedef {Record<string, string>} Colours */

/**
 * Makes the bitmap fit the element, which clears it if it did not, and returns its context in CSS pixels.
 * @param {HTMLCanvasElement} canvas @param {{width: number, height: number}} size CSS pixels
 * @returns {CanvasRenderingContext2D}
 */
export function fitted(canvas, { width, height }) {
  const scale = devicePixelRatio;
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}

/** The same, empty. @param {HTMLCanvasElement} canvas @param {{width: number, height: number}} size CSS pixels */
export function cleared(canvas, size) {
  const context = fitted(canvas, size);
  context.clearRect(0, 0, size.width, size.height);
  return context;
}

const NAMES = [
  ..."bg panel raised line text dim accent lane lane-line ghost fill other wave".split(" "),
  ..."playhead region region-edge take-a take-b heat-0 heat-1 heat-2 heat-3 heat-4".split(" "),
];

/** @returns {Colours} those of the present theme, by name */
export function readColours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** @param {CanvasRenderingContext2D} context @param {number} size @param {boolean} [mono] */
export function setFont(context, size, mono = false) {
  const family = mono
    ? 'ui-monospace, "Liberation Mono", "DejaVu Sans Mono", monospace'
    : 'Inter, system-ui, "Liberation Sans", "DejaVu Sans", sans-serif';
  context.font = `${size}px ${family}`;
}
