// The first page in a site's frame: asks the site for a token, and signs in with it.

{
  const MAX_REPEATS = 3;
  const origins = document.body.dataset.origins.split(" ");
  const isCompact = new URLSearchParams(location.search).has("compact");
  const { root } = document.documentElement.dataset;
  let repeats = 0;

  const ask = () => origins.forEach((origin) => parent.postMessage({ ruang: "ready" }, origin));

  const enter = (path, origin) => {
    const query = new URLSearchParams({ parent: origin });
    if (isCompact) query.set("compact", "");
    // A form in between has another address.
    try {
      sessionStorage.setItem("ruang.embed", query);
    } catch {
      // The site is not told what happens in the room.
    }
    location.replace(`${root}${path}?${query}`);
  };

  const signIn = async (token, origin) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${root}/api/session`, { method: "POST", headers, body: JSON.stringify({ token }) });
    if (response.ok) return enter("/chat", origin);
    const { error = "", code = "" } = await response.json().catch(() => ({}));
    // A token that was refused is used up: the next try needs another. Two that a site makes in one second may be the same.
    const seconds = code === "token_replayed" ? 1 : Number(response.headers.get("retry-after"));
    if (seconds > 0 && repeats < MAX_REPEATS) {
      repeats += 1;
      setTimeout(ask, seconds * 1000);
    }
    document.getElementById("status").textContent = error;
    parent.postMessage({ ruang: "refused", code, error }, origin);
  };

  addEventListener("message", ({ source, origin, data }) => {
    if (source !== parent || !origins.includes(origin) || !data || data.ruang !== "token") return;
    if (data.token) signIn(data.token, origin);
    else enter("/", origin);
  });

  if (parent === window) location.replace(`${root}/`);
  else ask();
}
