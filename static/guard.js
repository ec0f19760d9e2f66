// Says so where the browser is too old for the page, or where the page has failed. It runs before the modules, in every
// browser that runs scripts: so it uses nothing newer than ECMAScript 5.

(function () {
  "use strict";

  /** What the modules use, and browsers before 2022 lack. A browser that has all of it reads their syntax too. */
  var NEEDED = [
    "AbortController",
    "Array.prototype.findLast",
    "BigInt",
    "BroadcastChannel",
    "CSS.escape",
    "Element.prototype.replaceChildren",
    "HTMLFormElement.prototype.requestSubmit",
    "HTMLScriptElement.prototype.noModule",
    "Intl.Locale",
    "Intl.PluralRules",
    "Intl.RelativeTimeFormat",
    "ResizeObserver",
    "String.prototype.matchAll",
    "WebSocket",
    "crypto.getRandomValues",
    "fetch",
  ];
  /** One fault causes many: a page reports no more. */
  var MAX_REPORTS = 5;
  var reports = 0;
  var root = document.documentElement.getAttribute("data-root");

  function isMissing(path) {
    var names = path.split(".");
    var owner = window;
    for (var i = 0; i < names.length; i += 1) {
      if (!owner || !(names[i] in owner)) return true;
      // Reading "noModule" on a prototype would throw.
      if (i < names.length - 1) owner = owner[names[i]];
    }
    return false;
  }

  function show(id) {
    document.getElementById(id).hidden = false;
  }

  /** Counts the fault on the server, without a word of it, and offers to reload. */
  function handleFault() {
    if (reports >= MAX_REPORTS) return;
    reports += 1;
    show("fault");
    if (navigator.sendBeacon) navigator.sendBeacon(root + "/api/page-error");
  }

  function isOurs(address) {
    return String(address).indexOf(location.protocol + "//" + location.host + root + "/static/") === 0;
  }

  if (NEEDED.filter(isMissing).length > 0) return show("too-old");

  // Extensions fail in our name: only our own files count. A file that does not load is an error of its element.
  window.addEventListener("error", function (event) {
    var isScript = event.target && event.target.tagName === "SCRIPT";
    if (isOurs(isScript ? event.target.src : event.filename)) handleFault();
  }, true);
  window.addEventListener("unhandledrejection", function (event) {
    if (event.reason instanceof Error) handleFault();
  });
})();
