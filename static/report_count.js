// The number of reports that wait for a moderator, in the header, as a link to them. Loaded for moderators only.

import { root, timeoutSignal } from "./api.js";
import { createElement } from "./element.js";
import { formatCount } from "./texts.js";

const POLL_MS = 15_000;
/** Timers may be early. */
const SLACK_MS = 500;
const TIMEOUT_MS = 5_000;

/** Adds the link, and keeps its number up to date while the page is visible, until the moderator has signed out. */
export async function addReportCount({ document, texts }) {
  const me = await read("/api/operator/me");
  if (!me.body) return;
  const words = me.body.texts;
  const link = createElement("a", "plain", createIcon(document), createElement("span", ""));
  Object.assign(link, { id: "report-count", href: `${root}/operator#reports` });
  Object.assign(link.style, { display: "flex", gap: "0.4rem", alignItems: "center" });
  document.getElementById("people-toggle").before(link);
  let readAt = -Infinity;
  const update = async () => {
    if (document.visibilityState !== "visible" || performance.now() - readAt < POLL_MS) return;
    readAt = performance.now();
    const { body, isOver } = await read("/api/operator/reports?limit=0");
    if (isOver) end();
    else if (body) show(link, body.open, formatCount(texts, words.reports, body.open));
  };
  const timer = setInterval(update, POLL_MS + SLACK_MS);
  const end = () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", update);
    link.remove();
  };
  document.addEventListener("visibilitychange", update);
  await update();
}

function show(link, count, label) {
  link.lastChild.textContent = count > 0 ? String(count) : "";
  link.title = label;
  link.setAttribute("aria-label", label);
  link.classList.toggle("waiting", count > 0);
}

/** Returns { body }, { isOver } if the person is no moderator any more, or nothing without a connection. */
async function read(path) {
  try {
    const response = await fetch(root + path, { cache: "no-store", signal: timeoutSignal(TIMEOUT_MS) });
    if (response.ok) return { body: await response.json() };
    return { isOver: response.status === 401 || response.status === 404 };
  } catch {
    return {};
  }
}

function createIcon(document) {
  const namespace = "http://www.w3.org/2000/svg";
  const [icon, path] = ["svg", "path"].map((name) => document.createElementNS(namespace, name));
  path.setAttribute("d", "M6 21V4h11l-2 4 2 4H6");
  for (const [name, value] of Object.entries({ class: "icon", viewBox: "0 0 24 24", width: 18, height: 18, "aria-hidden": "true" })) {
    icon.setAttribute(name, value);
  }
  icon.append(path);
  return icon;
}
