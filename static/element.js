// Shorthands for DOM elements.

/** Creates an element with a class and children. */
export function createElement(name, className, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Creates a button with a click handler. */
export function createButton(className, text, onClick) {
  const button = createElement("button", className, text);
  button.type = "button";
  button.addEventListener("click", onClick);
  return button;
}

/** Creates the button of a row's menu. It is reached by pointer and screen reader; the keyboard has the row itself. */
export function createMenuButton(label) {
  const button = createElement("button", "more");
  button.type = "button";
  button.tabIndex = -1;
  button.setAttribute("aria-label", label);
  button.setAttribute("aria-haspopup", "menu");
  return button;
}

/** Keeps translators off an element, and returns it. Browsers of 2022 reflect neither `translate` nor `aria…` properties. */
export function doNotTranslate(element) {
  element.setAttribute("translate", "no");
  return element;
}
