// Asks the server over HTTP: for pages of history, for names, and why no socket could be opened.

const PAGE = 100;
const ANSWERED_WITHIN_MS = 5000;

/** Messages before an id, oldest first: { messages, more }. */
export async function before(id) {
  const query = new URLSearchParams(id ? { before: id, limit: PAGE } : { limit: PAGE });
  return answer(await ask(`/api/messages?${query}`));
}

/** Everybody's names, in a room that is not too full for that. */
export async function members() {
  return answer(await ask("/api/members?limit=200"));
}

/** Why no socket could be opened: { signedOut } or { retryAfterMs }. */
export async function probe() {
  try {
    const response = await ask("/api/members?limit=1");
    if (response.status === 401) return { signedOut: true };
    return { retryAfterMs: Number(response.headers.get("retry-after") ?? 0) * 1000 || 0 };
  } catch {
    return { retryAfterMs: 0 };
  }
}

/** A dead network gives no answer for minutes; we do not wait for that. */
function ask(path) {
  return fetch(path, { signal: AbortSignal.timeout(ANSWERED_WITHIN_MS) });
}

async function answer(response) {
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}
