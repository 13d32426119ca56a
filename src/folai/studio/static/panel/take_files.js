/** A take as a file: dragged out of the page into an editor or a folder, or downloaded. */

/** @typedef {import("../state/studio.js").Studio} Studio */

/** @param {Studio} studio @param {any} take @returns {{name: string, url: string}} */
function fileOf(studio, take) {
  const layer = studio.layers.find(({ id }) => id === take.layer)?.name ?? "";
  const name = [studio.project.name, layer, studio.strip(take.id).name].filter(Boolean).join(" ");
  const url = new URL(`/api/projects/${studio.project.id}/takes/${take.id}/audio`, location.href).href;
  return { name: `${name.replace(/[\\/:*?"<>|\u0000-\u001f]/g, "_").slice(0, 120)}.wav`, url };
}

/** One click. @param {Studio} studio @param {any} take */
export function downloadTake(studio, take) {
  const { name, url } = fileOf(studio, take);
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name });
  link.click();
  studio.announce(`${name} downloaded`);
}

/**
 * What is dragged from here is the take's file: browsers of Chromium's kind write it where it is dropped,
 * others give its address. @param {HTMLElement} handle @param {Studio} studio @param {any} take
 */
export function dragOut(handle, studio, take) {
  handle.draggable = true;
  handle.title = "Drag this into an editor or a folder";
  handle.addEventListener("dragstart", (event) => {
    const { name, url } = fileOf(studio, take);
    event.dataTransfer?.setData("DownloadURL", `audio/wav:${name}:${url}`);
    event.dataTransfer?.setData("text/uri-list", url);
    if (event.dataTransfer) event.dataTransfer.effectAllowed = "copy";
  });
}
