// Reads messages again that may have changed while the page was away for long. Loaded when it is first needed. No DOM.

import { compareIds, nextId } from "./id.js";

const PAGE = 200;
const MAX_PAGES = 10;

/** Reads what a timeline shows up to a message, and applies its present state. */
export async function refreshMessages({ id, timeline, fetchMessages }) {
  try {
    let before = nextId(id);
    for (let n = 0; n < MAX_PAGES; n += 1) {
      const page = await fetchMessages(before, PAGE);
      timeline.refresh(page);
      before = page.messages[0]?.id;
      if (!page.more || before === undefined || compareIds(before, timeline.oldestId() ?? before) <= 0) return;
    }
  } catch {
    // The next welcome of this kind tries again.
  }
}
