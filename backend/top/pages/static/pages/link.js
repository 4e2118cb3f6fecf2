// Puts the code of a link, which stands behind "#" where it reaches no log, into the form.
const typed = document.querySelector("input[name=code]");
const code = decodeURIComponent(location.hash.slice(1));
if (code && typed && !typed.value) {
  typed.value = code;
  history.replaceState(null, "", location.pathname + location.search);
}
