// My own code, for whoever leads a shift to scan.
import { renews } from "./renewing.js";

const box = document.querySelector("[data-renews]");

renews(box.querySelector("img"), box.dataset.renews, (state) => {
  box.hidden = state !== "";
  for (const one of document.querySelectorAll("[data-when]")) one.hidden = one.dataset.when !== state;
});
