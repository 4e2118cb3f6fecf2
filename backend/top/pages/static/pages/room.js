// On every page of a room: says when there is no signal, sends a form once, keeps pages for later.
const offline = document.querySelector(".offline");
const tell = () => {
  if (offline) offline.hidden = navigator.onLine;
};
addEventListener("online", tell);
addEventListener("offline", tell);
tell();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) return event.preventDefault(); // a second tap of the same thumb
  form.dataset.sent = "1";
  setTimeout(() => delete form.dataset.sent, 8000);
});
addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => delete form.dataset.sent));

const room = "/" + location.pathname.split("/")[1] + "/";
if ("serviceWorker" in navigator && document.querySelector("link[rel=manifest]")) {
  navigator.serviceWorker.register(`${room}worker.js`, { scope: room }).catch(() => {});
  // Kept for later are this page, also when it is the first, and those that it leads to.
  const ahead = [...document.querySelectorAll("a[data-keep]")].map((link) => link.pathname);
  navigator.serviceWorker.ready.then(({ active }) => active.postMessage({ seen: location.pathname, ahead }));
}
