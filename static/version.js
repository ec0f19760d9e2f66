// Detects that the server runs another version than this page.

import { timeoutSignal } from "./api.js";

/** The server sends `no-store` with files requested under the address of a former version. */
export async function isOutdated(address = import.meta.url) {
  try {
    const response = await fetch(address, { method: "HEAD", cache: "no-store", signal: timeoutSignal(5000) });
    return response.ok && (response.headers.get("cache-control") ?? "").includes("no-store");
  } catch {
    return false;
  }
}

/** Offers to reload an outdated page. It reloads by itself only for a developer (`make page`). */
export async function offerNewVersion(status) {
  if (!(await isOutdated())) return;
  if (location.hash === "#live") location.reload();
  else status.showOutdated();
}
