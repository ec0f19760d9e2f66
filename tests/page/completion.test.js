import assert from "node:assert/strict";
import { test } from "node:test";

import { Completion, findCandidates } from "../../static/completion.js";

const NAMES = ["Budi", "Bunga", "Eka 🌿"];

test("candidates_match_the_prefix_whatever_its_case", () => {
  assert.deepEqual(findCandidates("halo @bu", 8, NAMES), { start: 5, names: ["Budi", "Bunga"] });
  assert.deepEqual(findCandidates("@eka ", 5, NAMES), { start: 0, names: ["Eka 🌿"] });
  assert.deepEqual(findCandidates("こんにちは@bud", 9, NAMES), { start: 5, names: ["Budi"] });
  assert.deepEqual(findCandidates("ねえ＠bud", 6, NAMES), { start: 2, names: ["Budi"] });
});

test("caret_without_a_matching_mention_has_no_candidates", () => {
  for (const text of ["", "bu", "@x", "surel@bu", "@bu\n", "@bu dan lagi"]) {
    assert.equal(findCandidates(text, text.length, NAMES), null, text);
  }
});

test("each_tab_takes_the_next_name_and_the_last_one_leaves", () => {
  const completion = new Completion();
  let state = { text: "hai @b ya", caret: 6 };
  const texts = [];
  for (let n = 0; n < 2; n += 1) texts.push((state = completion.next(state, NAMES)).text);
  assert.deepEqual(texts, ["hai @Budi ya", "hai @Bunga ya"]);
  assert.equal(state.caret, "hai @Bunga ".length);
  assert.equal(completion.next(state, NAMES), null);
  assert.equal(completion.next(state, NAMES), null);
});

test("completion_describes_its_edit", () => {
  const completion = new Completion();
  for (const [text, caret] of [["hai @b ya", 6], ["@b", 2], ["@bya", 2]]) {
    const next = new Completion().next({ text, caret }, NAMES);
    assert.equal(text.slice(0, next.start) + next.insert + text.slice(next.end), next.text);
    const again = completion.next({ text, caret }, NAMES);
    const second = completion.next(again, NAMES);
    assert.equal(again.text.slice(0, second.start) + second.insert + again.text.slice(second.end), second.text);
  }
});

test("typing_after_a_completion_starts_a_new_one", () => {
  const completion = new Completion();
  completion.next({ text: "@b", caret: 2 }, NAMES);
  assert.equal(completion.next({ text: "@Budi @e", caret: 8 }, NAMES).text, "@Budi @Eka 🌿 ");
});
