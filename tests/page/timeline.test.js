import assert from "node:assert/strict";
import { test } from "node:test";

import { compareIds } from "../../static/id.js";
import { MAX_ROWS, Timeline } from "../../static/timeline.js";

const message = (n, epoch = 7) => ({ id: `${epoch}-${n}`, nonce: `n${n}`, from: "adi", text: `${n}`, at: n });
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => message(from + index));

/** A view that mirrors the rows from its calls: in the end both must be equal. */
function shown() {
  const rows = [];
  const older = [];
  const view = {
    insert: (row, next) => rows.splice(next ? rows.indexOf(next) : rows.length, 0, row),
    remove: (row) => rows.splice(rows.indexOf(row), 1),
    replace: () => {},
    clear: () => rows.splice(0),
    showOlder: (hasOlder) => older.push(hasOlder),
    isRead: () => false,
  };
  const timeline = new Timeline(view);
  const text = () => {
    assert.deepEqual(rows, timeline.rows);
    return rows.map((row) => (row.kind === "message" ? row.message.text : row.kind)).join(" ");
  };
  const welcome = (frame, request = { since: timeline.since }) =>
    timeline.applyWelcome({ recovered: true, missed: 0, messages: [], head: frame.messages?.at(-1)?.id, ...frame }, request);
  const load = (messages, more, gap) => timeline.insertHistory(timeline.historyRequest(gap), { messages, more });
  return { timeline, text, older, welcome, load };
}

test("ids_beyond_exact_numbers_are_compared_exactly", () => {
  assert.ok(compareIds("9007199254740993-1", "9007199254740992-2") > 0);
  assert.ok(compareIds("7-10", "7-9") > 0);
  assert.equal(compareIds("7-1", "7-1"), 0);
});

test("repeated_message_is_shown_once_and_keeps_since", () => {
  const { timeline, text } = shown();
  assert.equal(timeline.add(message(1)), true);
  assert.equal(timeline.add(message(2)), true);
  assert.equal(timeline.add(message(1)), false);
  assert.equal(text(), "1 2");
  assert.equal(timeline.since, "7-2");
});

test("recovered_welcome_continues_without_a_gap", () => {
  const { timeline, text, welcome } = shown();
  welcome({ messages: range(1, 2) });
  welcome({ messages: range(2, 4) });
  assert.equal(text(), "1 2 3 4");
  assert.equal(timeline.since, "7-4");
});

test("gap_loads_until_it_meets_known_messages", () => {
  const { timeline, text, welcome, load } = shown();
  welcome({ messages: range(1, 2) });
  welcome({ recovered: false, missed: 4, messages: range(7, 8) });
  assert.equal(text(), "1 2 gap 7 8");
  const gap = timeline.rows[2];
  assert.equal(gap.before, "7-7");
  load(range(5, 6), true, gap);
  assert.equal(text(), "1 2 gap 5 6 7 8");
  assert.equal(gap.before, "7-5");
  load(range(2, 4), true, gap);
  assert.equal(text(), "1 2 3 4 5 6 7 8");
});

test("page_that_reaches_beyond_a_gap_fills_only_the_gap", () => {
  const { timeline, text, welcome, load } = shown();
  welcome({ messages: range(51, 52) });
  welcome({ recovered: false, missed: 2, messages: range(55, 56) });
  load(range(1, 54), true, timeline.rows[2]);
  assert.equal(text(), "51 52 53 54 55 56");
});

test("gap_without_stored_messages_is_removed_when_loaded", () => {
  const { timeline, text, welcome, load } = shown();
  welcome({ messages: [message(1)] });
  welcome({ recovered: false, missed: null, messages: [message(1, 8)] });
  load([], false, timeline.rows[1]);
  assert.equal(text(), "1 1");
  assert.equal(timeline.since, "8-1");
});

test("unrequested_welcome_replaces_all_rows", () => {
  const { timeline, text, welcome } = shown();
  welcome({ messages: range(1, 5) });
  welcome({ recovered: false, missed: null, messages: range(2, 3) }, null);
  assert.equal(text(), "gap 2 3");
  assert.equal(timeline.since, "7-3");
});

test("answer_to_a_rejoin_goes_before_messages_that_overtook_it", () => {
  const { timeline, text, welcome } = shown();
  welcome({ messages: range(1, 2) });
  const request = { since: timeline.since };
  timeline.add(message(5));
  welcome({ messages: range(3, 5) }, request);
  assert.equal(text(), "1 2 3 4 5");
  timeline.add(message(8));
  welcome({ recovered: false, missed: 3, messages: range(7, 8) }, { since: "7-5" });
  assert.equal(text(), "1 2 3 4 5 gap 7 8");
});

test("answer_after_a_crossing_welcome_closes_its_gap", () => {
  const { timeline, text, welcome } = shown();
  welcome({ messages: range(1, 2) });
  const request = { since: timeline.since };
  welcome({ recovered: false, missed: null, messages: range(5, 6) }, request);
  assert.equal(text(), "1 2 gap 5 6");
  welcome({ messages: range(3, 6) }, request);
  assert.equal(text(), "1 2 3 4 5 6");
});

test("earlier_messages_are_inserted_first_and_once", () => {
  const { text, welcome, load } = shown();
  welcome({ messages: range(3, 4) });
  load(range(1, 3), false);
  assert.equal(text(), "1 2 3 4");
});

test("rows_trimmed_while_earlier_ones_load_leave_a_gap_row", () => {
  const { timeline, text, load } = shown();
  const first = 1001;
  for (const each of range(first, first + MAX_ROWS - 1)) timeline.add(each);
  const request = timeline.historyRequest();
  for (const each of range(first + MAX_ROWS, first + MAX_ROWS + 2)) timeline.add(each);
  timeline.insertHistory(request, { messages: range(999, 1000), more: true });
  assert.ok(text().startsWith("999 1000 gap 1004 1005 "));
  const gap = timeline.rows[2];
  assert.deepEqual([gap.after, gap.before], ["7-1000", "7-1004"]);
  load(range(904, 1003), true, gap);
  assert.ok(text().startsWith("999 1000 1001 1002 1003 1004 "));
});

test("empty_page_after_a_trim_still_offers_older_messages", () => {
  const { timeline, older } = shown();
  for (const each of range(1, MAX_ROWS)) timeline.add(each);
  const request = timeline.historyRequest();
  for (const each of range(MAX_ROWS + 1, MAX_ROWS + 3)) timeline.add(each);
  timeline.insertHistory(request, { messages: [], more: false });
  assert.deepEqual([timeline.rows.length, timeline.hasOlder, older], [MAX_ROWS, true, [true]]);
});

test("history_of_replaced_rows_is_dropped", () => {
  const { timeline, text, welcome } = shown();
  welcome({ messages: range(51, 52) });
  const request = timeline.historyRequest();
  welcome({ recovered: false, missed: null, messages: [message(1, 8)] }, null);
  timeline.insertHistory(request, { messages: range(1, 50), more: true });
  assert.equal(text(), "gap 1");
});

test("rows_in_the_page_are_known_and_not_inserted_again", () => {
  const { timeline } = shown();
  timeline.adopt(range(3, 4).map((each) => ({ kind: "message", message: each })), "7-4");
  assert.equal(timeline.oldestId(), "7-3");
  assert.equal(timeline.since, "7-4");
  assert.equal(timeline.add(message(4)), false);
});

test("deleted_message_keeps_its_place_without_its_text", () => {
  const { timeline } = shown();
  timeline.add(message(1));
  timeline.markRemoved("7-1");
  timeline.markRemoved("7-9");
  assert.deepEqual([timeline.rows[0].message.removed, timeline.rows[0].message.text], [true, ""]);
});

test("rows_beyond_the_limit_are_trimmed_at_the_top", () => {
  const { timeline } = shown();
  for (let n = 1; n <= MAX_ROWS + 10; n += 1) timeline.add(message(n));
  assert.equal(timeline.rows.length, MAX_ROWS);
  assert.equal(timeline.oldestId(), "7-11");
});

test("empty_page_of_a_room_filled_since_offers_older_messages", () => {
  const { timeline, older, welcome, load } = shown();
  timeline.adopt([], null, false);
  welcome({ messages: range(51, 100) });
  assert.deepEqual(older, [true]);
  load(range(1, 50), false);
  assert.deepEqual(older, [true, false]);
});

test("empty_room_offers_no_older_messages", () => {
  const { timeline, older, welcome } = shown();
  welcome({ head: null });
  timeline.add(message(1));
  assert.deepEqual(older, []);
});

test("joins_and_leaves_between_messages_are_one_row", () => {
  const { timeline, text } = shown();
  timeline.addPresence("joined", "adi");
  timeline.addPresence("left", "adi");
  timeline.add(message(1));
  for (let n = 0; n < 60; n += 1) timeline.addPresence("joined", `p${n}`);
  assert.equal(text(), "presence 1 presence");
  const { joined, left, events } = timeline.rows[2];
  assert.deepEqual([joined, left, events.length, events.at(-1).username], [60, 0, 50, "p59"]);
});

test("change_that_overtakes_a_page_of_history_is_applied_to_it", () => {
  const { timeline, text, welcome } = shown();
  welcome({ messages: range(3, 4) });
  const request = timeline.historyRequest(null);
  timeline.markEdited({ id: "7-1", text: "one", edited_at: 9 });
  timeline.markRemoved("7-2");
  timeline.insertHistory(request, { messages: range(1, 2), more: false });
  assert.equal(text(), "one  3 4");
  timeline.markEdited({ id: "7-1", text: "old", edited_at: 8 });
  timeline.markEdited({ id: "7-2", text: "back", edited_at: 10 });
  assert.equal(text(), "one  3 4", "a later edit stays, and so does a deletion");
});

test("page_around_a_message_leaves_gaps_on_both_sides", () => {
  const { timeline, text, welcome, load } = shown();
  welcome({ messages: range(50, 52) });
  timeline.insertAround(timeline.historyRequest(null), { messages: range(20, 22), more: true, more_after: true });
  assert.equal(text(), "20 21 22 gap 50 51 52");
  timeline.insertAround(timeline.historyRequest(null), { messages: range(30, 31), more: true, more_after: true });
  assert.equal(text(), "20 21 22 gap 30 31 gap 50 51 52");
  const gaps = timeline.rows.filter(({ kind }) => kind === "gap");
  load(range(22, 29), true, gaps[0]);
  load(range(31, 49), true, gaps[1]);
  assert.equal(timeline.rows.filter(({ kind }) => kind === "message").length, 33);
  timeline.insertAround(timeline.historyRequest(null), { messages: range(18, 21), more: true, more_after: true });
  assert.equal(text().startsWith("18 19 20 21 22"), true, "it adjoins");
});

test("refresh_applies_what_has_changed", () => {
  const { timeline, text, welcome } = shown();
  welcome({ messages: range(1, 3) });
  const removed = { id: "7-2", removed: true, from: "adi", at: 2 };
  timeline.refresh({ messages: [{ ...message(1), text: "one", edited_at: 5 }, removed, message(3), message(4)] });
  assert.equal(text(), "one  3");
});

test("refresh_undoes_changes_that_were_lost", () => {
  const { timeline, text, welcome } = shown();
  welcome({ messages: range(1, 3) });
  timeline.markEdited({ id: "7-1", text: "one", edited_at: 5 });
  timeline.markRemoved("7-2");
  assert.deepEqual(timeline.changes, { "7-1": 5, "7-2": null }, "a join has them");
  welcome({ recovered: false, missed: 0, messages: range(1, 3) }, { since: "7-3" });
  timeline.refresh({ messages: range(1, 3) });
  assert.equal(text().startsWith("1 2 3"), true, text());
  assert.equal(timeline.changes, undefined);
});

test("join_has_the_newest_changes_only", () => {
  const { timeline, welcome } = shown();
  welcome({ messages: range(1, 40) });
  for (const { id } of range(1, 40)) timeline.markRemoved(id);
  assert.equal(Object.keys(timeline.changes).length, 32);
  assert.equal("7-8" in timeline.changes, false);
});
