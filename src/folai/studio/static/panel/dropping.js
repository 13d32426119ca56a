/** Files dropped anywhere on the page: videos are opened, each sound becomes a reference, the last is used. */

const SOUNDS = /\.(wav|aiff?|flac|mp3|ogg|m4a|opus)$/i;

/**
 * @param {import("../state/studio.js").Studio} studio @param {import("./references.js").References} references
 * @param {import("./projects.js").Projects} projects @param {import("./library.js").Library} library
 */
export function takeDrops(studio, references, projects, library) {
  const { classList } = document.body;
  addEventListener("dragover", (event) => {
    event.preventDefault();
    classList.add("dropping");
  });
  addEventListener("dragleave", (event) => event.relatedTarget || classList.remove("dropping"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    classList.remove("dropping");
    if (library.drop(event)) return;
    const files = [...(event.dataTransfer?.files ?? [])];
    const onPanel = event.target instanceof Element && event.target.closest(".panel");
    const sounds = onPanel ? files : files.filter(isSound);
    if (studio.project && files[0] && (isSound(files[0]) || onPanel)) references.addAll(sounds);
    else if (files[0]) projects.bringAll(files.filter((file) => !isSound(file)));
  });
}

/** @param {File} file */
function isSound(file) {
  return file.type.startsWith("audio/") || SOUNDS.test(file.name);
}
