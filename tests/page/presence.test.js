import assert from "node:assert/strict";
import { test } from "node:test";

import { Presence } from "../../static/presence.js";

function room(...names) {
  const presence = new Presence();
  presence.reset({ count: names.length, names });
  return presence;
}

/** A room that is too large to list, and a request for its list that the test answers. */
function unlisted(count) {
  const presence = new Presence();
  presence.reset({ count, names: null });
  let answer;
  const fetched = presence.refresh(() => new Promise((resolve) => (answer = resolve)));
  return { presence, answer: (members) => (answer({ members, count: members.length }), fetched) };
}

test("repeated_presence_frame_reports_a_change_once", () => {
  const presence = room("sari");
  assert.deepEqual(presence.applyChange({ joined: ["adi"], left: [], count: 2 }), { joined: ["adi"], left: [] });
  assert.deepEqual(presence.applyChange({ joined: ["adi"], left: [], count: 2 }), { joined: [], left: [] });
  assert.deepEqual(presence.applyChange({ joined: [], left: ["adi", "dewi"], count: 1 }), { joined: [], left: ["adi"] });
});

test("sorted_names_begin_with_ones_own", () => {
  assert.deepEqual(room("Zed", "adi", "Budi", "sari").sortedNames("sari", "id"), ["sari", "adi", "Budi", "Zed"]);
});

test("room_too_large_to_list_has_a_count_and_no_names", () => {
  const presence = new Presence();
  presence.reset({ count: 500, names: null });
  presence.applyChange({ count: 1200 });
  assert.equal(presence.count, 1200);
  assert.equal(presence.sortedNames("sari", "id"), null);
});

test("names_that_do_not_match_the_count_are_dropped", () => {
  const presence = room("sari");
  presence.applyChange({ joined: ["adi"], left: [], count: 210 });
  assert.equal(presence.names, null);
});

test("fetched_list_does_not_undo_changes_that_came_meanwhile", async () => {
  const { presence, answer } = unlisted(3);
  presence.applyChange({ joined: [], left: ["adi"], count: 2 });
  presence.applyChange({ joined: ["dewi"], left: [], count: 3 });
  await answer(["adi", "budi", "sari"]);
  assert.deepEqual([presence.sortedNames("sari", "id"), presence.count], [["sari", "budi", "dewi"], 3]);
});

test("fetched_list_without_changes_since_is_taken_as_it_is", async () => {
  const { presence, answer } = unlisted(201);
  await answer(["budi", "sari"]);
  assert.deepEqual([presence.sortedNames("sari", "id"), presence.count], [["sari", "budi"], 2]);
});

test("fetched_list_does_not_replace_a_newer_welcome", async () => {
  const { presence, answer } = unlisted(201);
  presence.reset({ count: 2, names: ["citra", "sari"] });
  await answer(["budi", "sari"]);
  assert.deepEqual(presence.sortedNames("sari", "id"), ["sari", "citra"]);
});
