/** What the server tells by itself, as it happens. */

/**
 * @param {Record<string, (data: any) => void>} listeners by name of the event
 * @param {(connected: boolean) => void} connection told of its loss and its return
 * @returns {EventSource}
 */
export function listen(listeners, connection) {
  const source = new EventSource("/api/events");
  for (const [name, listener] of Object.entries(listeners)) {
    source.addEventListener(name, (event) => listener(JSON.parse(event.data)));
  }
  source.addEventListener("open", () => connection(true));
  source.addEventListener("error", () => connection(false));
  return source;
}
