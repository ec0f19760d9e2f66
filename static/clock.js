// Times and days in the reader's time zone and language.

const formats = new Map();

/** Shows a time in a <time> element: the hour as text, date and seconds as its title. */
export function showTime(element, at, lang) {
  const date = new Date(at);
  element.dateTime = date.toISOString();
  element.dataset.full = format(lang, { dateStyle: "full", timeStyle: "medium" }).format(date);
  element.title = element.dataset.full;
  element.textContent = format(lang, { hour: "2-digit", minute: "2-digit" }).format(date);
}

/** Formats the day of a time as a heading; "today" and "yesterday" in the words of the language. */
export function formatDay(at, lang, now = Date.now()) {
  const daysAgo = daysBetween(at, now);
  if (daysAgo === 0 || daysAgo === 1) {
    const day = new Intl.RelativeTimeFormat(lang, { numeric: "auto" }).format(-daysAgo, "day");
    return day[0].toLocaleUpperCase(lang) + day.slice(1);
  }
  const year = new Date(at).getFullYear() === new Date(now).getFullYear() ? {} : { year: "numeric" };
  return format(lang, { weekday: "long", day: "numeric", month: "long", ...year }).format(at);
}

/** Returns whether two times are on the same day. */
export function isSameDay(a, b) {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

function daysBetween(at, now) {
  const midnight = (time) => new Date(time).setHours(0, 0, 0, 0);
  return Math.round((midnight(now) - midnight(at)) / 86_400_000);
}

/** Creating a format costs far more than using it. */
function format(lang, options) {
  const key = lang + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(lang, options));
  return formats.get(key);
}
