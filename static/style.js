// Style sheets that are loaded when they are first needed.

const sheets = new Map();

/** Loads a style sheet of this folder. Resolves when it applies or has failed: without it everything works all the same. */
export function loadStyle(name) {
  if (!sheets.has(name)) sheets.set(name, load(name));
  return sheets.get(name);
}

function load(name) {
  const link = document.createElement("link");
  Object.assign(link, { rel: "stylesheet", href: new URL(name, import.meta.url).href });
  return new Promise((resolve) => {
    for (const type of ["load", "error"]) link.addEventListener(type, resolve, { once: true });
    document.head.append(link);
  });
}
