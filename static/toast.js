// A sentence about what was just done, for a few seconds, with a way to undo it. Loaded when it is first needed.

import { createButton, createElement } from "./element.js";

const SHOWN_MS = 5_000;

let current = null;

/**
 * Shows a text in place of the one before. `undo` is { label, run }. `onEnd` is called when the text is gone and was not undone:
 * also when another one takes its place, or the page is left.
 */
export function showToast({ document, text, undo, onEnd = () => {} }) {
  current?.end();
  const box = document.getElementById("toast");
  const timer = setTimeout(() => toast.end(), SHOWN_MS);
  const close = () => {
    clearTimeout(timer);
    current = null;
    box.replaceChildren();
    document.defaultView.removeEventListener("pagehide", toast.end);
  };
  const toast = {
    end: () => {
      close();
      onEnd();
    },
  };
  const run = () => {
    close();
    undo.run();
  };
  current = toast;
  document.defaultView.addEventListener("pagehide", toast.end);
  box.replaceChildren(createElement("span", "", text), ...(undo ? [createButton("link", undo.label, run)] : []));
}
