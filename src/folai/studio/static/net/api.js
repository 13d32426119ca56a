/** The server's interface (`API.md`), as functions. Every failure is an `ApiError` for a person to read. */

export class ApiError extends Error {
  /** @param {string} message @param {number} status 0: no answer @param {Record<string, any>} [body] */
  constructor(message, status, body = {}) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

const GONE = "The studio does not answer. Start it again with “folai studio”, then reload this page.";

/**
 * @param {string} method @param {string} path below /api
 * @param {{json?: any, body?: BodyInit, signal?: AbortSignal, keepalive?: boolean}} [options]
 * @returns {Promise<Response>}
 */
export async function call(method, path, { json, body, signal, keepalive } = {}) {
  const headers = json === undefined ? undefined : { "Content-Type": "application/json" };
  let response;
  try {
    const sent = json === undefined ? body : JSON.stringify(json);
    response = await fetch(`/api/${path}`, { method, headers, body: sent, signal, keepalive });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(GONE, 0);
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

/** @param {Response} response */
async function errorOf(response) {
  const body = await response.json().catch(() => ({}));
  const said = body.error ?? `The studio answered ${response.status}. Reload the page.`;
  return new ApiError(response.status === 401 ? "The link has expired. Open the one that “folai studio” printed." : said, response.status, body);
}

/** @param {string} path @param {AbortSignal} [signal] @returns {Promise<any>} */
export async function getJson(path, signal) {
  return (await call("GET", path, { signal })).json();
}

/** @param {string} method @param {string} path @param {any} [json] @returns {Promise<any>} */
export async function sendJson(method, path, json = {}) {
  const response = await call(method, path, { json });
  return response.status === 204 ? null : response.json();
}

/** @param {string} path @param {AbortSignal} [signal] @returns {Promise<ArrayBuffer>} */
export async function getBytes(path, signal) {
  return (await call("GET", path, { signal })).arrayBuffer();
}

/**
 * Sends a file and tells how much of it has gone, 0 to 1.
 * @param {string} path @param {Blob} file @param {(share: number) => void} [progress]
 * @returns {Promise<any>}
 */
export function upload(path, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/${path}`);
    request.responseType = "json";
    request.upload.onprogress = (event) => progress?.(event.loaded / Math.max(event.total, 1));
    request.onerror = () => reject(new ApiError("The upload was cut off. Try it again.", 0));
    request.onload = () => {
      const body = request.response ?? {};
      if (request.status < 300) resolve(body);
      else reject(new ApiError(body.error ?? `The studio answered ${request.status}.`, request.status, body));
    };
    request.send(file);
  });
}
