// Renews the code. One that could not be renewed for 30 seconds is refused, so it is taken down.
"use strict";
const gate = document.querySelector(".gate");
const picture = gate.querySelector("img");
const RENEW = 5000, GOOD_FOR = 30000;
let renewed = Date.now(), timer = null;

function show(state) {
  gate.classList.toggle("stale", state !== "");
  gate.querySelector(".lost").hidden = state !== "lost";
  gate.querySelector(".over").hidden = state !== "over";
}

async function renew() {
  try {
    const answer = await fetch(gate.dataset.code, { cache: "no-store" });
    if (answer.status === 404) {
      clearInterval(timer);
      show("over");
      return;
    }
    if (!answer.ok) throw new Error(answer.status);
    picture.src = "data:image/svg+xml," + encodeURIComponent(await answer.text());
    renewed = Date.now();
    show("");
  } catch {
    if (Date.now() - renewed > GOOD_FOR) show("lost");
  }
}

async function stayAwake() {
  try {
    await navigator.wakeLock.request("screen");
  } catch {
    // The device's own settings keep the screen on, or do not.
  }
}

timer = setInterval(renew, RENEW);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") {
    renew();
    stayAwake();
  }
});
stayAwake();
