// Drops files of the same bytes onto an element.
([selector, names, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  for (const name of names) transfer.items.add(new File([bytes], name, { type: "audio/wav" }));
  const event = { dataTransfer: transfer, bubbles: true, cancelable: true };
  document.querySelector(selector).dispatchEvent(new DragEvent("dragover", event));
  document.querySelector(selector).dispatchEvent(new DragEvent("drop", event));
}
