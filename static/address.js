// At an address that is not the room's own the form could only fail: the page shows the right one instead.

(function () {
  "use strict";

  var own = document.getElementById("own-address");
  if (!own || own.getAttribute("data-origins").split(" ").indexOf(location.origin) >= 0) return;
  own.hidden = false;
  var form = document.getElementById("sign-in");
  if (form) form.hidden = true;
  // The server refuses it, and its log says which setting helps.
  if (navigator.sendBeacon) navigator.sendBeacon(document.documentElement.getAttribute("data-root") + "/api/page-error");
})();
