// The controls that can be seen, with their names and keys.
() => {
  const seen = (e) => e.offsetParent !== null && !e.closest("[hidden]") && e.tabIndex >= 0;
  const controls = [...document.querySelectorAll("main button, main input, main select, main canvas[tabindex], header button")];
  const nameOf = (e) => (e.getAttribute("aria-label") || e.textContent.trim() ||
    [...(e.labels ?? [])].map((l) => l.textContent).join(" ")).trim();
  return controls.filter(seen).map((e) => ({
    what: e.outerHTML.slice(0, 120), name: nameOf(e), keys: e.getAttribute("aria-keyshortcuts") ?? "",
    title: e.title, row: e.closest(".row")?.getAttribute("aria-current") ?? "", canvas: e.tagName === "CANVAS",
  }));
}
