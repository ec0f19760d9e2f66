// Comings and goings as an element: told one by one while they are few, then counted, the latest told.

import { element } from "./element.js";
import { counted, nodes } from "./texts.js";

const TOLD_AT_MOST = 3;

/** A row of comings and goings. */
export function notice(row, texts) {
  const made = element("li", "notice");
  dress(made, row, texts);
  return made;
}

/** Shows the row as it has become, in the same element: only what is new is announced. */
export function dress(made, { events, joined, left }, texts) {
  const lines = events.map(({ what, username }) => element("p", what, ...nodes(texts[what], { username })));
  if (events.length <= TOLD_AT_MOST) {
    if (made.children.length === events.length - 1) made.append(lines.at(-1));
    else made.replaceChildren(...lines);
    return;
  }
  const latest = events.at(-1).what;
  const counts = { joined: joined - (latest === "joined"), left: left - (latest === "left") };
  const summary = element("summary", "", sum(counts, texts));
  const open = made.querySelector("details")?.open ?? false;
  const earlier = element("details", "", summary, ...lines.slice(0, -1));
  earlier.open = open;
  made.replaceChildren(earlier, lines.at(-1));
}

function sum({ joined, left }, texts) {
  const parts = [];
  if (joined > 0) parts.push(counted(texts, texts.joined_counted, joined));
  if (left > 0) parts.push(counted(texts, texts.left_counted, left));
  return parts.join(", ");
}
