import assert from "node:assert/strict";
import { test } from "node:test";

import { Preferences } from "../../static/preferences.js";
import { fakeArea, fakeStorage } from "./fake_storage.js";

/** A tab with two checkboxes, which the test clicks. */
function tab(area) {
  const box = () => Object.assign(new EventTarget(), { checked: false });
  const boxes = { sound: box(), notify: box() };
  const calls = [];
  const preferences = new Preferences({
    boxes,
    storage: fakeStorage(area),
    key: "p",
    defaults: { sound: false, notify: false },
    onChange: (name, value) => calls.push([name, value]),
  });
  const click = (name) => {
    boxes[name].checked = !boxes[name].checked;
    boxes[name].dispatchEvent(new Event("change"));
  };
  return { preferences, boxes, calls, click };
}

test("preference_set_in_one_tab_survives_a_write_of_another", () => {
  const area = fakeArea();
  const [here, there] = [tab(area), tab(area)];
  there.click("sound");
  here.click("notify");
  assert.deepEqual(JSON.parse(area.p), { sound: true, notify: true });
});

test("reload_shows_what_another_tab_set", () => {
  const area = fakeArea();
  const [here, there] = [tab(area), tab(area)];
  there.click("sound");
  here.calls.length = 0;
  here.preferences.reload();
  assert.deepEqual([here.boxes.sound.checked, here.preferences.get("sound"), here.calls], [true, true, [["sound", true]]]);
});

test("unreadable_preferences_leave_the_defaults", () => {
  for (const broken of ["{", "7", "null", '{"sound":"yes"}', "[true]"]) {
    assert.equal(tab(fakeArea({ p: broken })).boxes.sound.checked, false, broken);
  }
});
