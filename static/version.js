// Detects that the server runs another version than this page.

/** The server sends `no-store` with files requested under the address of a former version. */
export async function isOutdated(address = import.meta.url) {
  try {
    const response = await fetch(address, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(5000) });
    return response.ok && (response.headers.get("cache-control") ?? "").includes("no-store");
  } catch {
    return false;
  }
}
