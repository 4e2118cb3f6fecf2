// The page is hidden until Alpine has begun, and what is hidden gets no focus.
const first = document.querySelector("[autofocus]");
const focus = () => {
  if (document.documentElement.hasAttribute("x-cloak")) requestAnimationFrame(focus);
  else first.focus();
};
if (first) focus();

for (const button of document.querySelectorAll("[data-print]")) {
  button.addEventListener("click", () => window.print());
}
