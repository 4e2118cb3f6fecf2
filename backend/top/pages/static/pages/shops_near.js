// Orders the shops by how far they are from the reader, whose place nobody else learns.
const EARTH = 6_371_008.8; // metres
const list = document.querySelector(".shops");
const near = document.querySelector(".near");
const told = document.querySelector(".told");
const words = (name, details = {}) =>
  document.querySelector(`template[data-say="${name}"]`).content.textContent.replace(/\{(\w+)\}/g, (_, key) => details[key]);

function tell(name, details) {
  told.hidden = false;
  told.textContent = words(name, details);
}

function metres(here, there) {
  const [south, west, north, east] = [here.latitude, here.longitude, there.latitude, there.longitude].map(
    (degrees) => (Number(degrees) * Math.PI) / 180,
  );
  const half = Math.sin((north - south) / 2) ** 2 + Math.cos(south) * Math.cos(north) * Math.sin((east - west) / 2) ** 2;
  return 2 * EARTH * Math.asin(Math.min(1, Math.sqrt(half)));
}

function sort(here) {
  const walk = Number(list.dataset.walk);
  const shops = [...list.children].map((shop) => [shop, shop.dataset.latitude ? metres(here, shop.dataset) : Infinity]);
  shops.sort(([, one], [, other]) => (one === other ? 0 : one - other));
  for (const [shop, far] of shops) {
    const label = shop.querySelector(".metres");
    label.hidden = far === Infinity;
    label.classList.toggle("done", far <= walk);
    label.textContent =
      far < 1000
        ? label.dataset.m.replace("{metres}", Math.round(far / 10) * 10)
        : label.dataset.km.replace("{kilometres}", (far / 1000).toFixed(1));
    list.append(shop);
  }
  tell("sorted", { near: shops.filter(([, far]) => far <= walk).length });
}

if (list && near && "geolocation" in navigator) {
  near.hidden = false;
  near.querySelector("button").addEventListener("click", () => {
    tell("asking");
    navigator.geolocation.getCurrentPosition(
      (found) => sort(found.coords),
      (error) => tell(error.code === error.PERMISSION_DENIED ? "denied" : "unknown"),
      { enableHighAccuracy: true, timeout: 15_000, maximumAge: 60_000 },
    );
  });
}
