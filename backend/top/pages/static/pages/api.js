// Calls of the API by a page's script, as whoever is logged in to the room (/me/ or /scan/).
export const room = "/" + location.pathname.split("/")[1] + "/";
const cookie = (name) =>
  document.cookie.split("; ").find((one) => one.startsWith(name + "="))?.slice(name.length + 1) ?? "";
const PATIENCE = 12_000; // milliseconds: bars without an answer are no signal
let token = null;
let goodUntil = 0;

/** No answer came: there is no signal, or the server is away. What was asked may have happened. */
export class Unreachable extends Error {}

/** The log-in has ended. What waits on this phone stays until the same person logs in again. */
export class LoggedOut extends Error {}

async function reach(address, how) {
  const stop = new AbortController();
  const timer = how.body instanceof FormData ? 0 : setTimeout(() => stop.abort(), PATIENCE); // photos take long
  try {
    return await fetch(address, { cache: "no-store", signal: stop.signal, ...how });
  } catch {
    throw new Unreachable();
  } finally {
    clearTimeout(timer);
  }
}

async function accessToken() {
  if (Date.now() < goodUntil) return token;
  const answer = await reach(`${room}token`, { method: "POST", headers: { "X-CSRFToken": cookie("csrftoken") } });
  if (answer.status === 401 || answer.status === 403) throw new LoggedOut();
  if (!answer.ok) throw new Unreachable();
  const told = await answer.json();
  const { owner } = document.body.dataset; // whose page this is; somebody else may be logged in by now
  if (owner && told.person !== owner) throw new LoggedOut();
  token = told.access_token;
  goodUntil = Date.now() + (told.expires_in - 30) * 1000;
  return token;
}

/**
 * Ask the API: ask("POST", "merchants/…/scans", {body, key}). Returns {status, good, data}; refusals
 * are answers, with data.code and data.title. Throws Unreachable, LoggedOut.
 */
export async function ask(method, address, { body, key } = {}) {
  const headers = { Authorization: `Bearer ${await accessToken()}`, "Accept-Language": document.documentElement.lang };
  if (key) headers["Idempotency-Key"] = key;
  if (body !== undefined && !(body instanceof FormData)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  const answer = await reach(`/api/v1/${address}`, { method, headers, body });
  if (answer.status === 401) {
    goodUntil = 0;
    throw new LoggedOut();
  }
  // The server, or one before it, is away: what was asked is asked again later with its key.
  if (answer.status >= 500) throw new Unreachable();
  const isJson = (answer.headers.get("Content-Type") ?? "").includes("json");
  return { status: answer.status, good: answer.ok, data: isJson ? await answer.json() : await answer.blob() };
}

/** A name for something that is done once however often it is sent. */
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
}
