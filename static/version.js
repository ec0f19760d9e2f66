// Whether the server has become another version than this page.

/** The server keeps what is asked for under a former version's address out of caches: that tells. */
export async function isOutdated(address = import.meta.url) {
  try {
    const response = await fetch(address, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(5000) });
    return response.ok && (response.headers.get("cache-control") ?? "").includes("no-store");
  } catch {
    return false;
  }
}
