// A reader of codes on a page (pages/_reader.html): by the camera, from a photo, or typed.
import { Camera, codeIn } from "./scanner.js";

/** Calls `onCode(text)` for each code that is read; the camera goes on if that returns true. */
export function reads(box, onCode) {
  const [start, stop, view] = ["start", "stop", "view"].map((name) => box.querySelector(`[data-${name}]`));
  const camera = new Camera(view.querySelector("video"));

  const show = (isOn) => {
    view.hidden = stop.hidden = !isOn;
    start.hidden = isOn;
  };
  const tell = (what) => {
    for (const one of box.querySelectorAll("[data-trouble]")) one.hidden = one.dataset.trouble !== what;
  };
  const end = () => {
    camera.stop();
    show(false);
  };

  start.addEventListener("click", async () => {
    tell("");
    show(true);
    try {
      await camera.start((text) => onCode(text) || end());
    } catch {
      end();
      tell("camera");
    }
  });
  start.disabled = false; // a tap before there was anybody to hear it would be lost
  stop.addEventListener("click", end);
  document.addEventListener("visibilitychange", () => document.hidden && end());

  box.querySelector("[data-photo]").addEventListener("change", async ({ target }) => {
    tell("");
    const [file] = target.files;
    target.value = "";
    const text = file && (await codeIn(file).catch(() => null));
    if (text) onCode(text);
    else if (file) tell("photo");
  });

  box.querySelector("[data-typed]")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const { code } = event.target.elements;
    if (code.value.trim()) onCode(code.value.trim());
    code.value = "";
  });
}
