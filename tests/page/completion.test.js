import assert from "node:assert/strict";
import { test } from "node:test";

import { Completion, candidates } from "../../static/completion.js";

const NAMES = ["Budi", "Bunga", "Eka 🌿"];

test("a name is completed that begins as written, whatever its case", () => {
  assert.deepEqual(candidates("halo @bu", 8, NAMES), { start: 5, names: ["Budi", "Bunga"] });
  assert.deepEqual(candidates("@eka ", 5, NAMES), { start: 0, names: ["Eka 🌿"] });
});

test("elsewhere there is nothing to complete, and Tab moves on", () => {
  for (const text of ["", "bu", "@x", "surel@bu", "@bu\n", "@bu dan lagi"]) {
    assert.equal(candidates(text, text.length, NAMES), null, text);
  }
});

test("each Tab takes the next name, around, and what follows the caret stays", () => {
  const completion = new Completion();
  const seen = [];
  let at = { text: "hai @b ya", caret: 6 };
  for (let n = 0; n < 3; n += 1) seen.push((at = completion.next(at, NAMES)).text);
  assert.deepEqual(seen, ["hai @Budi ya", "hai @Bunga ya", "hai @Budi ya"]);
  assert.equal(at.caret, "hai @Budi ".length);
});

test("typing on begins anew", () => {
  const completion = new Completion();
  completion.next({ text: "@b", caret: 2 }, NAMES);
  assert.equal(completion.next({ text: "@Budi @e", caret: 8 }, NAMES).text, "@Budi @Eka 🌿 ");
});
