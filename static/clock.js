// Times and days in the reader's time zone, language and region; the server's clock, since that of the device may be wrong.

/** They keep the time zone in which they were created. */
const formats = new Map();
let formatsZone;

/** How far the server's clock is ahead of the device's, in milliseconds. */
let serverAhead = 0;

/** The server has just said what time it is. */
export function syncServerClock(at, now = Date.now()) {
  if (at > 0) serverAhead = at - now;
}

/** Returns the time of the server's clock. */
export function serverNow(now = Date.now()) {
  return now + serverAhead;
}

/** Shows a time in a <time> element: the hour as text, date and seconds as its title. */
export function showTime(element, at, lang) {
  const date = new Date(at);
  element.dateTime = date.toISOString();
  element.dataset.full = formatFullTime(at, lang);
  element.title = element.dataset.full;
  element.textContent = format(lang, { hour: "2-digit", minute: "2-digit" }).format(date);
}

/** Formats a time with its date and seconds. */
export function formatFullTime(at, lang) {
  return format(lang, { dateStyle: "full", timeStyle: "medium" }).format(at);
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

/**
 * Returns the language tag for times: the page's language with the region of the browser's languages, since one language
 * writes times in many ways ("22:20", "10:20 PM").
 */
export function withRegion(lang, languages) {
  const tags = languages.filter(isTag);
  const exact = tags.find((tag) => tag.toLowerCase().split("-")[0] === lang);
  const region = tags.map((tag) => new Intl.Locale(tag).region).find(Boolean);
  return exact ?? (region ? `${lang}-${region}` : lang);
}

/** Returns what changes when the names of days or the times of messages do: the day and the time zone. */
export function readCalendar(now = new Date()) {
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone !== formatsZone) formats.clear();
  formatsZone = zone;
  return `${now.toDateString()} ${zone}`;
}

function isTag(tag) {
  try {
    return Boolean(new Intl.Locale(tag));
  } catch {
    return false;
  }
}

/** Creating a format costs far more than using it. */
function format(lang, options) {
  const key = lang + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(lang, options));
  return formats.get(key);
}
