// A menu at a row: on a wide page beside it, on a phone a sheet. Loaded when it is first needed.

import { createElement } from "./element.js";

const GAP_PX = 6;
const NARROW = "(max-width: 29.99rem)";

/** The shapes of the icons, by name. */
const ICONS = {
  reply: "m10 6-6 6 6 6M4 12h9c4 0 7 2 7 6",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  edit: "m4 20 1-5L16 4l4 4L9 19zM13 7l4 4",
  remove: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5m4-5v5",
  mute: "M5 9v6h4l5 4V5L9 9zm13 1 4 4m0-4-4 4",
  unmute: "M5 9v6h4l5 4V5L9 9zm13-1c2 2 2 6 0 8",
  mention: "M16 8v5c0 3 4 3 4-1a8 8 0 1 0-3 6.500M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0",
  kick: "M14 4h5v16h-5M15 12H4m4-4-4 4 4 4",
  ban: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M6 6l12 12",
  report: "M6 21V4h11l-2 4 2 4H6",
  checked: "M4 4h16v16H4zM8 12l3 3 5-6",
  unchecked: "M4 4h16v16H4z",
};

/**
 * Opens a menu at an element. `label` names it, `title` (nodes) stands above the items on a phone. An item is
 * { label, icon, isDanger, run }: `run` is called after the menu has closed, and the focus is where it was before. One with
 * `isChecked` is a tick: the menu stays open, and `run` is told whether it is set.
 */
export function showMenu({ document, at, label, title = [], items }) {
  const dialog = createElement("dialog", "menu");
  const create = (item) => ("isChecked" in item ? createTick(item) : createItem(item, dialog));
  const list = createElement("div", "items", ...items.map(create));
  list.setAttribute("role", "menu");
  list.setAttribute("aria-label", label);
  const heading = createElement("p", "menu-title", ...title);
  heading.setAttribute("aria-hidden", "true");
  dialog.append(heading, list);
  dialog.setAttribute("aria-label", label);
  dialog.addEventListener("keydown", (event) => handleKey(event, list, dialog));
  dialog.addEventListener("click", (event) => isOutside(event, dialog) && dialog.close());
  const window = document.defaultView;
  const arrange = () => place(dialog, at, window);
  const findRow = rowFinder(at);
  dialog.addEventListener("close", () => {
    window.removeEventListener("resize", arrange);
    dialog.remove();
    // The focused element may have been replaced meanwhile.
    if (document.activeElement === document.body) focusRow(findRow(), document);
  });
  document.body.append(dialog);
  dialog.showModal();
  // A phone is turned on its side.
  window.addEventListener("resize", arrange);
  arrange();
  list.firstElementChild.focus();
}

/** Returns a function that finds the row of an element again, also after the list was shown anew. */
function rowFinder(at) {
  const row = at.closest("li");
  const keyOf = (item) => item.dataset.id ?? item.dataset.name;
  const list = row.parentElement;
  return () => [...list.children].find((item) => keyOf(item) === keyOf(row));
}

function focusRow(row, document) {
  const button = row?.querySelector(".more");
  if (button) button.focus();
  else document.getElementById("scroll").focus({ preventScroll: true });
}

/** The backdrop belongs to the dialog. */
function isOutside({ target, clientX, clientY }, dialog) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return target === dialog && (clientX < left || clientX > right || clientY < top || clientY > bottom);
}

function createItem({ label, icon, isDanger = false, run }, dialog) {
  const item = createButton(isDanger ? "item danger" : "item", "menuitem");
  item.append(createIcon(ICONS[icon]), label);
  item.addEventListener("click", () => {
    dialog.close();
    run();
  });
  return item;
}

function createTick({ label, isChecked, run }) {
  const item = createButton("item", "menuitemcheckbox");
  const show = () => {
    item.setAttribute("aria-checked", String(isChecked));
    item.replaceChildren(createIcon(isChecked ? ICONS.checked : ICONS.unchecked), label);
  };
  item.addEventListener("click", () => {
    isChecked = !isChecked;
    show();
    run(isChecked);
  });
  show();
  return item;
}

function createButton(className, role) {
  const item = createElement("button", className);
  item.type = "button";
  item.tabIndex = -1;
  item.setAttribute("role", role);
  return item;
}

function createIcon(shape) {
  const namespace = "http://www.w3.org/2000/svg";
  const [icon, path] = ["svg", "path"].map((name) => document.createElementNS(namespace, name));
  path.setAttribute("d", shape);
  for (const [name, value] of Object.entries({ class: "icon", viewBox: "0 0 24 24", width: 18, height: 18, "aria-hidden": "true" })) {
    icon.setAttribute(name, value);
  }
  icon.append(path);
  return icon;
}

function handleKey(event, list, dialog) {
  const items = [...list.children];
  const index = items.indexOf(event.target);
  const last = items.length - 1;
  const next = { ArrowDown: index === last ? 0 : index + 1, ArrowUp: index <= 0 ? last : index - 1, Home: 0, End: last }[event.key];
  if (next !== undefined) items[next].focus();
  else if (event.key === "Tab") dialog.close();
  else return;
  event.preventDefault();
}

/** Below the element, or above it where there is more space; never outside of the page. On a phone the style sheet places it. */
function place(dialog, at, { matchMedia, document }) {
  Object.assign(dialog.style, { left: "", top: "" });
  if (matchMedia(NARROW).matches) return;
  const { left, right, top, bottom } = at.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const { offsetWidth: width, offsetHeight: height } = dialog;
  const isBelow = bottom + GAP_PX + height <= clientHeight || top < clientHeight - bottom;
  const y = isBelow ? bottom + GAP_PX : top - GAP_PX - height;
  const x = (left + right) / 2 < clientWidth / 2 ? left : right - width;
  const within = (value, size, space) => Math.max(GAP_PX, Math.min(value, space - size - GAP_PX));
  dialog.style.left = `${within(x, width, clientWidth)}px`;
  dialog.style.top = `${within(y, height, clientHeight)}px`;
}
