// Fills a field with the code that the camera reads: data-camera-opens="field" is the button,
// data-camera-for the viewfinder, data-camera-lacks what is said where there is no camera.
import { Camera } from "./scanner.js";

for (const button of document.querySelectorAll("[data-camera-opens]")) {
  const name = button.dataset.cameraOpens;
  const of = (what) => document.querySelector(`[data-camera-${what}="${name}"]`);
  const field = document.getElementById(name);
  const camera = new Camera(of("for").querySelector("video"));
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.hidden = true;
    of("lacks").hidden = true;
    of("for").hidden = false;
    try {
      await camera.start((code) => {
        field.value = code;
        camera.stop();
        of("for").hidden = true;
        button.hidden = false;
        field.form.querySelector("button:not([type=button])").focus();
      });
    } catch {
      camera.stop();
      of("for").hidden = true;
      of("lacks").hidden = false;
      field.focus();
    }
  });
}
