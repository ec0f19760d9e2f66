import assert from "node:assert/strict";
import { test } from "node:test";

import { Attention } from "../../static/attention.js";

const message = (n) => ({ id: `7-${n}` });
const away = () => new Attention({ present: false, changed() {} });

test("what comes while one looks is seen", () => {
  const attention = new Attention({ present: true, changed() {} });
  attention.arrived(message(1));
  assert.deepEqual([attention.count, attention.mark], [0, null]);
});

test("the line is where the person left off, and stays there when they come back", () => {
  const attention = away();
  attention.arrived(message(1));
  attention.arrived(message(2));
  assert.deepEqual([attention.count, attention.mark], [2, "7-1"]);
  attention.present = true;
  assert.deepEqual([attention.count, attention.mark], [0, "7-1"]);
});

test("the line moves when the person left again, and goes when they speak", () => {
  const attention = away();
  attention.arrived(message(1));
  attention.present = true;
  attention.present = false;
  assert.equal(attention.mark, "7-1");
  attention.arrived(message(5));
  assert.equal(attention.mark, "7-5");
  attention.said();
  assert.equal(attention.mark, null);
});

test("a page that is opened again goes on where it was left", () => {
  const attention = away();
  attention.resume([message(1), message(2), message(3)], "7-1");
  assert.deepEqual([attention.count, attention.mark], [2, "7-2"]);
});

test("no line above all there is, nor for who was never here, nor where all was seen", () => {
  for (const seen of [null, "6-9", "7-3"]) {
    const attention = away();
    attention.resume([message(1), message(2), message(3)], seen);
    assert.deepEqual([attention.count, attention.mark], [0, null], seen);
  }
});
