/** Lanes as high as a person likes: drag the lower edge of a lane's head; a double click sets it back. */

const KEY = "folai-lanes"; // in the browser
const EDGE = 7; // pixels
const LOWEST = 28; // pixels of a lane
/** Those that can be sized. */
const SIZED = ["frames", "envelope", "wave", "spectrum"];

/** @param {HTMLElement} root the timeline, with heads and lanes */
export function sizeLanes(root) {
  /** @type {Record<string, number>} */
  const sizes = JSON.parse(localStorage.getItem(KEY) ?? "{}");
  const show = () => {
    for (const name of SIZED) {
      if (sizes[name]) root.style.setProperty(`--height-${name}`, `${sizes[name]}px`);
      else root.style.removeProperty(`--height-${name}`);
    }
    localStorage.setItem(KEY, JSON.stringify(sizes));
  };
  for (const name of SIZED) {
    const head = /** @type {HTMLElement} */ (root.querySelector(`.head.${name}`));
    const near = (/** @type {MouseEvent} */ event) => head.getBoundingClientRect().bottom - event.clientY <= EDGE;
    head.addEventListener("pointerdown", (event) => {
      if (!near(event)) return;
      head.setPointerCapture(event.pointerId);
      const from = head.getBoundingClientRect().height - event.clientY;
      head.onpointermove = (moved) => {
        sizes[name] = Math.max(Math.round(from + moved.clientY), LOWEST);
        show();
      };
      head.onpointerup = () => (head.onpointermove = null);
    });
    head.addEventListener("dblclick", () => {
      delete sizes[name];
      show();
    });
  }
  show();
}
