import assert from "node:assert/strict";
import { test } from "node:test";

import { Completion, findCandidates } from "../../static/completion.js";

const NAMES = ["Budi", "Bunga", "Eka 🌿"];

test("candidates_match_the_prefix_whatever_its_case", () => {
  assert.deepEqual(findCandidates("halo @bu", 8, NAMES), { start: 5, names: ["Budi", "Bunga"] });
  assert.deepEqual(findCandidates("@eka ", 5, NAMES), { start: 0, names: ["Eka 🌿"] });
  assert.deepEqual(findCandidates("こんにちは@bud", 9, NAMES), { start: 5, names: ["Budi"] });
});

test("caret_without_a_matching_mention_has_no_candidates", () => {
  for (const text of ["", "bu", "@x", "surel@bu", "@bu\n", "@bu dan lagi"]) {
    assert.equal(findCandidates(text, text.length, NAMES), null, text);
  }
});

test("each_tab_takes_the_next_name_and_keeps_the_text_after_it", () => {
  const completion = new Completion();
  const texts = [];
  let state = { text: "hai @b ya", caret: 6 };
  for (let n = 0; n < 3; n += 1) texts.push((state = completion.next(state, NAMES)).text);
  assert.deepEqual(texts, ["hai @Budi ya", "hai @Bunga ya", "hai @Budi ya"]);
  assert.equal(state.caret, "hai @Budi ".length);
});

test("typing_after_a_completion_starts_a_new_one", () => {
  const completion = new Completion();
  completion.next({ text: "@b", caret: 2 }, NAMES);
  assert.equal(completion.next({ text: "@Budi @e", caret: 8 }, NAMES).text, "@Budi @Eka 🌿 ");
});
