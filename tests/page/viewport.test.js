import assert from "node:assert/strict";
import { test } from "node:test";

import { fitToViewport } from "../../static/viewport.js";

function phone(visible) {
  const viewport = Object.assign(new EventTarget(), { height: 844, offsetTop: 0, scale: 1 });
  const classes = new Set();
  const element = { style: {}, classList: { toggle: (name, isOn) => classes[isOn ? "add" : "delete"](name) } };
  let changes = 0;
  fitToViewport({ viewport, element, onChange: () => (changes += 1), layoutHeight: () => 844 });
  Object.assign(viewport, visible);
  viewport.dispatchEvent(new Event("resize"));
  return { ...element.style, changes, ...(classes.size > 0 && { classes: [...classes] }) };
}

test("keyboard_over_the_page_shrinks_it_to_what_is_visible", () => {
  assert.deepEqual(phone({ height: 500 }), { height: "500px", translate: "", changes: 2 });
  assert.deepEqual(phone({ height: 500, offsetTop: 120 }), { height: "500px", translate: "0 120px", changes: 2 });
});

test("little_space_above_a_keyboard_makes_the_page_compact", () => {
  assert.deepEqual(phone({ height: 170 }).classes, ["short"]);
  assert.equal(phone({ height: 300 }).classes, undefined);
});

test("page_without_a_keyboard_or_zoomed_keeps_its_height", () => {
  for (const visible of [{ height: 844 }, { height: 422, scale: 2, offsetTop: 100 }]) {
    assert.deepEqual(phone(visible), { height: "", translate: "", changes: 2 });
  }
});

test("browser_without_a_visual_viewport_is_left_alone", () => {
  fitToViewport({ viewport: undefined, element: {}, onChange: assert.fail });
});
