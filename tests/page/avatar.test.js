import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Hues } from "../../static/avatar.js";

/** Lets people speak in this order; returns their hues, and calls `check` with each pair of neighbours. */
function speak(speakers, check = () => {}) {
  const hues = new Hues();
  let near = [];
  for (const name of speakers) {
    near = near.filter((other) => other !== name);
    hues.settle(name, near);
    if (near.length > 0) check(hues.of(near[0]), hues.of(name));
    near = [name, ...near].slice(0, 8);
  }
  return Object.fromEntries(speakers.map((name) => [name, hues.of(name)]));
}

// The server's rule is tested with the same cases: src/web/avatar.rs.
test("hues_are_those_of_the_shared_cases", () => {
  const cases = JSON.parse(readFileSync(new URL("avatar_hues.json", import.meta.url)));
  assert.ok(cases.length > 0);
  for (const [speakers, expected] of cases) assert.deepEqual(speak(speakers), expected);
});

test("speakers_next_to_each_other_have_different_hues", () => {
  const speakers = Array.from({ length: 2000 }, (_, n) => `orang ${(n * n + Math.floor(n / 7)) % 40}`);
  speak(speakers, (before, hue) => assert.notEqual(before, hue));
});

test("first_speakers_differ_by_more_than_one_step", () => {
  const { a, b, c } = speak(["a", "b", "c"]);
  for (const [one, other] of [[a, b], [b, c], [a, c]]) {
    const steps = Math.abs(one - other);
    assert.ok(Math.min(steps, 12 - steps) > 1, `${one} and ${other}`);
  }
});

test("adopted_hue_stays_until_a_neighbour_has_it", () => {
  const hues = new Hues();
  hues.adopt("sari", 3);
  hues.adopt("budi", 3);
  assert.equal(hues.settle("sari", []), false);
  assert.equal(hues.settle("budi", ["sari"]), true);
  assert.notEqual(hues.of("budi"), 3);
});
