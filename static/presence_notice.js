// Presence notices: rows of joins and leaves. A few are listed; of many the latest is shown and the others are counted.

import { createElement } from "./element.js";
import { formatCount, formatNodes } from "./texts.js";

const MAX_LISTED = 3;

/** Creates the element of a row of joins and leaves. */
export function createPresenceNotice(row, texts) {
  const element = createElement("li", "presence-notice");
  updatePresenceNotice(element, row, texts);
  return element;
}

/** Updates the element of a row; a screen reader announces only what was added to it. */
export function updatePresenceNotice(element, { events, joined, left }, texts) {
  const lines = events.map(({ what, username }) => createElement("p", what, ...formatNodes(texts[what], { username })));
  if (events.length <= MAX_LISTED) {
    if (element.children.length === events.length - 1) element.append(lines.at(-1));
    else element.replaceChildren(...lines);
    return;
  }
  const latest = events.at(-1).what;
  const counts = { joined: joined - (latest === "joined"), left: left - (latest === "left") };
  const summary = createElement("summary", "", formatCounts(counts, texts));
  const isOpen = element.querySelector("details")?.open ?? false;
  const earlier = createElement("details", "", summary, ...lines.slice(0, -1));
  earlier.open = isOpen;
  element.replaceChildren(earlier, lines.at(-1));
}

function formatCounts({ joined, left }, texts) {
  const parts = [];
  if (joined > 0) parts.push(formatCount(texts, texts.joined_counted, joined));
  if (left > 0) parts.push(formatCount(texts, texts.left_counted, left));
  return parts.join(", ");
}
