// The page at a shift's door.
import { renews } from "./renewing.js";

const gate = document.querySelector(".gate");

renews(gate.querySelector("img"), gate.dataset.code, (state) => {
  gate.classList.toggle("stale", state !== "");
  gate.querySelector(".lost").hidden = state !== "lost";
  gate.querySelector(".over").hidden = state !== "over";
});
