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

test("resume_without_unread_messages_sets_no_mark", () => {
  for (const lastReadId of [null, "7-3"]) {
    const unread = absent();
    unread.resume([message(1), message(2), message(3)], lastReadId);
    assert.deepEqual([unread.count, unread.firstId], [0, null], lastReadId);
  }
});

test("resume_counts_unread_messages_that_are_not_loaded", () => {
  const loaded = [message(101), message(102), message(104)];
  const unread = absent();
  unread.resume(loaded, "7-51", 4);
  assert.deepEqual([unread.count, unread.firstId], [52, "7-101"], "7-103 is one's own");
  unread.locate([message(50), message(51), message(60), ...loaded]);
  assert.equal(unread.firstId, "7-60");
  assert.equal(unread.isOlderUnread("7-60"), true);
  assert.equal(unread.isOlderUnread("7-52"), false);
});

test("resume_after_another_history_counts_what_is_loaded", () => {
  const unread = absent();
  unread.resume([message(1), message(2)], "6-9");
  assert.deepEqual([unread.count, unread.firstId], [2, "7-1"]);
});

test("messages_missed_in_presence_are_marked_with_a_way_up", () => {
  const unread = new UnreadTracker({ present: true, onChange() {} });
  unread.resume([message(5), message(6)], "7-4");
  assert.deepEqual([unread.count, unread.firstId, unread.away], [0, "7-5", 2]);
  unread.clearAway();
  assert.deepEqual([unread.firstId, unread.away], ["7-5", 0]);
});

test("return_offers_the_way_up_and_writing_ends_it", () => {
  const unread = absent();
  for (let n = 1; n <= 60; n += 1) unread.add(message(n));
  unread.present = true;
  assert.deepEqual([unread.count, unread.away, unread.firstId], [0, 60, "7-1"]);
  unread.clearMark();
  assert.equal(unread.away, 0);
});
