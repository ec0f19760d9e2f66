// Ways to the menu of a row besides its button: a long press, the keyboard. Loaded when they are first needed.

const PRESS_MS = 500;
/** A finger that moves this far scrolls. */
const STRAY_PX = 10;
/** The click of a finger that goes up comes within this time. */
const STRAY_CLICK_MS = 300;

/**
 * Calls `open` with the row of a list that a finger presses for long, and as the element to place the menu at. `press` is the
 * event of a finger that is down already.
 */
export function addLongPress(list, open, press) {
  let timer;
  let start = null;
  const stop = () => clearTimeout(timer);
  const begin = ({ pointerType, isPrimary, target, clientX, clientY, timeStamp }) => {
    stop();
    const row = target.closest("li");
    if (pointerType !== "touch" || !isPrimary || !row || target.closest("a, button")) return;
    start = { clientX, clientY };
    const fire = () => {
      swallowClick(start);
      open(row, row);
    };
    timer = setTimeout(fire, PRESS_MS - (performance.now() - timeStamp));
  };
  list.addEventListener("pointerdown", begin);
  list.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (start && Math.hypot(clientX - start.clientX, clientY - start.clientY) > STRAY_PX) stop();
  });
  for (const type of ["pointerup", "pointercancel"]) list.addEventListener(type, stop);
  // The browser's own menu of a long press would cover this one.
  list.addEventListener("contextmenu", (event) => {
    if (event.pointerType === "touch" && !event.target.closest("a")) event.preventDefault();
  });
  if (press) begin(press);
}

/** The finger goes up over the menu, which is not a choice. */
function swallowClick({ clientX, clientY }) {
  const swallow = (event) => {
    // Elsewhere, or of a keyboard or a screen reader: that is a choice.
    if (Math.hypot(event.clientX - clientX, event.clientY - clientY) > STRAY_PX) return;
    event.preventDefault();
    event.stopPropagation();
  };
  const remove = () => removeEventListener("click", swallow, true);
  const end = () => setTimeout(remove, STRAY_CLICK_MS);
  addEventListener("click", swallow, true);
  // The next tap is another one.
  addEventListener("pointerdown", remove, { once: true, capture: true });
  for (const type of ["pointerup", "pointercancel"]) addEventListener(type, end, { once: true });
}

/**
 * Moves the focus from message to message by the arrow keys, in a box that scrolls. Enter and the menu key call `open`, Escape
 * calls `leave`. Screen readers have their own keys while they browse.
 */
export function addMessageKeys(box, { open, leave }) {
  let isMenuKey = false;
  box.addEventListener("keydown", (event) => {
    const { key, shiftKey, altKey, ctrlKey, metaKey, target } = event;
    const message = target === box ? null : target;
    if (message?.matches(".message") === false || altKey || ctrlKey || metaKey) return;
    isMenuKey = message !== null && (key === "ContextMenu" || (key === "F10" && shiftKey));
    const next = nextMessage(box, message, key);
    if (next) focus(next);
    else if (message && (key === "Enter" || isMenuKey)) open(message, message.querySelector(".bubble"));
    else if (message && key === "Escape") leave();
    else return;
    event.preventDefault();
  });
  box.addEventListener("contextmenu", (event) => {
    if (isMenuKey) event.preventDefault();
    isMenuKey = false;
  });
}

function focus(message) {
  message.tabIndex = -1;
  message.focus({ preventScroll: true });
  message.scrollIntoView({ block: "nearest" });
}

/** Returns the message that a key leads to: from the box itself the last visible one. */
function nextMessage(box, message, key) {
  const messages = () => Array.from(box.querySelectorAll("#timeline > .message:not(.muted)"));
  if (key !== "ArrowUp" && key !== "ArrowDown") return undefined;
  if (!message) {
    const end = box.getBoundingClientRect().bottom;
    return messages().findLast((item) => item.getBoundingClientRect().top < end - STRAY_PX);
  }
  const all = messages();
  return all[all.indexOf(message) + (key === "ArrowUp" ? -1 : 1)];
}
