// Requests to the server's HTTP API.

/** The path under which the site is served; empty: the root. */
export const root = globalThis.document?.documentElement?.dataset?.root ?? "";

const PAGE = 100;
const TIMEOUT_MS = 5000;
/** Long enough for a slow network; meanwhile further probes are sent. */
const PROBE_TIMEOUT_MS = 12_000;
/** A read that comes too often is repeated when the server says, so often. */
const MAX_REPEATS = 3;
const LONGEST_WAIT_MS = 10_000;

/** How often the fetch of a module has failed: some browsers remember a failure by the address. */
const failures = new Map();
/** Modules by name: an import of a loaded one may take another turn, and what a reader does next would come before it. */
const loaded = new Map();

/** Imports a module of this folder. Without a connection it rejects; another call tries again, under another address. */
export async function loadModule(name) {
  if (loaded.has(name)) return loaded.get(name);
  const tries = failures.get(name) ?? 0;
  try {
    const module = await import(tries > 0 ? `./${name}?${tries}` : `./${name}`);
    loaded.set(name, module);
    return module;
  } catch (error) {
    failures.set(name, tries + 1);
    throw error;
  }
}

/** Returns a signal that aborts after a time. Some browsers of 2022 lack AbortSignal.timeout. */
export function timeoutSignal(ms) {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), ms);
  return controller.signal;
}

/** Fetches the messages before an id, or the newest ones, oldest first: { messages, more }. */
export async function fetchMessages(before, limit = PAGE) {
  const query = new URLSearchParams(before ? { before, limit } : { limit });
  return read(`/api/messages?${query}`);
}

/** Fetches a message with those around it: { messages, more, more_after }; null if it is no longer stored. */
export async function fetchAround(around, limit) {
  return read(`/api/messages?${new URLSearchParams({ around, limit })}`, { isOptional: true });
}

/** Fetches names of members after one, or from the first: { members, count, more }; with `search` those that match it. */
export async function fetchMembers({ search = "", after, limit = PAGE } = {}) {
  const query = new URLSearchParams({ ...(search && { search }), ...(after !== undefined && { after }), limit });
  return read(`/api/members?${query}`);
}

/** Asks whether the server is there: { isUp }, or { reason, retryAfterMs } where a gateway or the server says why not. */
export async function probe() {
  try {
    const response = await request("/readyz", PROBE_TIMEOUT_MS);
    if (isGateway(response)) return { reason: "gateway" };
    return response.status < 500 ? { isUp: true } : { retryAfterMs: retryAfter(response) };
  } catch {
    return {};
  }
}

/**
 * Finds out why no WebSocket was opened: { signedOut }, or { reason, retryAfterMs } with the reason "gateway",
 * "crowded" (too many sockets of this address), "blocked" (something refuses sockets on the way), "closed" (the
 * server has no such path: another version), or none.
 */
export async function explain() {
  try {
    const session = await request("/api/members?limit=1");
    if (isGateway(session)) return { reason: "gateway" };
    if (session.status === 401) return { signedOut: true };
    if (session.status === 429 || session.status >= 500) return { retryAfterMs: retryAfter(session) };
    return explainSocket(await request("/ws"));
  } catch {
    return {};
  }
}

/** To a request that is no upgrade the server answers 426, unless it would refuse an upgrade as well. */
function explainSocket(response) {
  const retryAfterMs = retryAfter(response);
  if (isGateway(response)) return { reason: "gateway" };
  if (response.status === 429) return { reason: "crowded", retryAfterMs };
  if (response.status === 503) return { retryAfterMs };
  return { reason: response.status === 404 ? "closed" : "blocked" };
}

/** A gateway in front of the room answers with a redirect to its own sign-in, or with a 401 that is not the room's. */
function isGateway({ type, status, headers }) {
  const isOurs = (headers.get("content-type") ?? "").startsWith("application/json");
  return type === "opaqueredirect" || (status === 401 && !isOurs);
}

function retryAfter({ headers }) {
  return Number(headers.get("retry-after") ?? 0) * 1000 || 0;
}

/** On a dead network `fetch` alone would stay pending for minutes. */
function request(path, timeoutMs = TIMEOUT_MS) {
  return fetch(root + path, { cache: "no-store", redirect: "manual", signal: timeoutSignal(timeoutMs) });
}

async function read(path, { isOptional = false } = {}) {
  for (let repeats = 0; ; repeats += 1) {
    const response = await request(path);
    if (response.ok) return response.json();
    if (isOptional && response.status === 404) return null;
    if (response.status !== 429 || repeats >= MAX_REPEATS) throw new Error(`status ${response.status}`);
    const ms = Math.min(retryAfter(response) || 1000, LONGEST_WAIT_MS);
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}
