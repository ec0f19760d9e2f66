// A service worker for notifications alone: on Android a page cannot show any. It answers no requests and stores nothing.

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(showRoom());
});

async function showRoom() {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const address = new URL("../../chat", self.location);
  const room = pages.find(({ url }) => new URL(url).pathname === address.pathname);
  return room ? room.focus() : self.clients.openWindow(address.pathname);
}
