import assert from "node:assert/strict";
import { test } from "node:test";

import { UnreadTracker } from "../../static/unread.js";

const message = (n) => ({ id: `7-${n}` });
const absent = () => new UnreadTracker({ present: false, onChange() {} });

test("message_in_presence_is_not_unread", () => {
  const unread = new UnreadTracker({ present: true, onChange() {} });
  unread.add(message(1));
  assert.deepEqual([unread.count, unread.firstId], [0, null]);
});

test("mark_after_return_stays_at_the_first_unread_message", () => {
  const unread = absent();
  unread.add(message(1));
  unread.add(message(2));
  assert.deepEqual([unread.count, unread.firstId], [2, "7-1"]);
  unread.present = true;
  assert.deepEqual([unread.count, unread.firstId], [0, "7-1"]);
});

test("mark_moves_on_the_next_absence_and_goes_on_writing", () => {
  const unread = absent();
  unread.add(message(1));
  unread.present = true;
  unread.present = false;
  assert.equal(unread.firstId, "7-1");
  unread.add(message(5));
  assert.equal(unread.firstId, "7-5");
  unread.clearMark();
  assert.equal(unread.firstId, null);
});

test("resume_counts_from_the_message_read_last", () => {
  const unread = absent();
  unread.resume([message(1), message(2), message(3)], "7-1");
  assert.deepEqual([unread.count, unread.firstId], [2, "7-2"]);
});

test("resume_with_all_or_none_unread_sets_no_mark", () => {
  for (const lastReadId of [null, "6-9", "7-3"]) {
    const unread = absent();
    unread.resume([message(1), message(2), message(3)], lastReadId);
    assert.deepEqual([unread.count, unread.firstId], [0, null], lastReadId);
  }
});
