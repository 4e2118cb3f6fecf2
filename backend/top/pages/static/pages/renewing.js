// A code on the screen that renews itself, at a door and on a volunteer's phone.
const RENEW = 5000;
const GOOD_FOR = 30000; // one that could not be renewed for so long is refused, so it is taken down

/** Keep `picture` what `address` answers as SVG; `show` is told "", "lost" without connection, "over". */
export function renews(picture, address, show) {
  let renewed = Date.now();

  async function renew() {
    try {
      const answer = await fetch(address, { cache: "no-store" });
      if (answer.status === 404 || answer.redirected) {
        clearInterval(timer);
        return show("over");
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

  const timer = setInterval(renew, RENEW);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") {
      renew();
      stayAwake();
    }
  });
  stayAwake();
}
