// Shows what is near first: the place goes into the address, to a hundred metres.
import { position } from "./place.js";

const button = document.querySelector("[data-near]");

button.addEventListener("click", async () => {
  button.disabled = true;
  const here = await position();
  button.disabled = false;
  document.querySelector("[data-nowhere]").hidden = Boolean(here);
  if (!here) return;
  const asked = new URLSearchParams(location.search);
  asked.set("near", `${here.latitude.toFixed(3)},${here.longitude.toFixed(3)},${button.dataset.near},wgs84`);
  asked.delete("cursor");
  location.assign(`${button.dataset.list}?${asked}`);
});
