// What the console does beyond plain forms: choosing all rows, room for filters, and sending a form only once.
for (const all of document.querySelectorAll("[data-check-all]")) {
  all.addEventListener("change", () => {
    for (const one of all.closest("form").querySelectorAll('input[name="ids"]')) one.checked = all.checked;
  });
}
if (matchMedia("(min-width: 48rem)").matches) {
  for (const more of document.querySelectorAll("[data-wide-open]")) more.open = true;
}
// What django-unfold lets be clicked is for keys as well.
const menu = document.querySelector("[data-menu]")?.dataset.menu;
for (const found of document.querySelectorAll("[x-on\\:click]:not(a, button, input)")) {
  let one = found;
  if (found.matches("h2")) { // of a group of the navigation: it stays a heading
    const list = found.nextElementSibling;
    one = document.createElement("span");
    one.className = "flex grow items-center";
    one.append(...found.childNodes);
    found.append(one);
    for (const icon of one.querySelectorAll(".material-symbols-outlined")) icon.ariaHidden = "true";
    const tell = () => one.setAttribute("aria-expanded", String(list.style.display !== "none"));
    new MutationObserver(tell).observe(list, { attributes: true });
    tell();
  }
  one.tabIndex = 0;
  one.setAttribute("role", "button");
  if (one.classList.contains("material-symbols-outlined") && menu) one.setAttribute("aria-label", menu);
  one.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    one.click();
  });
}
// django-unfold shows a file's name in the field beside it, and stumbles where there is none.
for (const input of document.querySelectorAll('input[type="file"]')) {
  input.hasChangeListener = !input.parentNode.parentNode.parentNode.querySelector('input[type="text"]');
}
for (const form of document.querySelectorAll('form[method="post"]')) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
    setTimeout(() => delete form.dataset.sent, 5000); // should the network have lost it
  });
}
for (const button of document.querySelectorAll("[data-print]")) {
  button.addEventListener("click", () => window.print());
}
