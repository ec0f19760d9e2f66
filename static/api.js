// Requests to the server's HTTP API.

const PAGE = 100;
const TIMEOUT_MS = 5000;

/** Fetches the messages before an id, or the newest ones, oldest first: { messages, more }. */
export async function fetchMessages(before) {
  const query = new URLSearchParams(before ? { before, limit: PAGE } : { limit: PAGE });
  return readJson(await request(`/api/messages?${query}`));
}

/** Fetches the names of all members, up to 200: { members, count, more }. */
export async function fetchMembers() {
  return readJson(await request("/api/members?limit=200"));
}

/** Finds out why no WebSocket could be opened: { signedOut } or { retryAfterMs }. */
export async function probe() {
  try {
    const response = await request("/api/members?limit=1");
    if (response.status === 401) return { signedOut: true };
    return { retryAfterMs: Number(response.headers.get("retry-after") ?? 0) * 1000 || 0 };
  } catch {
    return { retryAfterMs: 0 };
  }
}

/** On a dead network `fetch` alone would stay pending for minutes. */
function request(path) {
  return fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS) });
}

async function readJson(response) {
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}
