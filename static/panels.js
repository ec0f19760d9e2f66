// The panels over the page: the preferences, and on a narrow page the sheet with the people.

/**
 * Closes both by Escape, a click elsewhere and the sheet's own button. Returns what opens and closes the sheet, { toggleSheet }.
 */
export function addPanels(document) {
  addMenu(document, document.getElementById("preferences"));
  return { toggleSheet: addSheet(document) };
}

function addSheet(document) {
  const part = (id) => document.getElementById(id);
  const [toggle, close, scrim] = [part("people-toggle"), part("people-close"), part("scrim")];
  const isShown = () => document.body.classList.contains("people-shown");
  const setShown = (shown) => {
    document.body.classList.toggle("people-shown", shown);
    toggle.setAttribute("aria-expanded", String(shown));
    scrim.hidden = !shown;
    // The focus stays in the sheet.
    for (const behind of document.querySelectorAll(".bar, .talk, .skip")) behind.toggleAttribute("inert", shown);
    (shown ? close : toggle).focus();
  };
  for (const element of [close, scrim]) element.addEventListener("click", () => setShown(false));
  document.addEventListener("keydown", ({ key, target }) => {
    // A menu over the sheet closes before it.
    if (key === "Escape" && isShown() && !target.closest?.("dialog")) setShown(false);
  });
  // A wide page shows the people beside the conversation.
  const narrow = document.defaultView.matchMedia("(max-width: 51.99rem)");
  narrow.addEventListener("change", () => isShown() && !narrow.matches && setShown(false));
  return () => setShown(!isShown());
}

function addMenu(document, menu) {
  document.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  document.addEventListener("pointerdown", ({ target }) => {
    if (!menu.contains(target)) menu.open = false;
  });
}
