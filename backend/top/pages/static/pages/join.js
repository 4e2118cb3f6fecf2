// Puts the code of a poster into the form.
import { reads } from "./reader.js";

reads(document.querySelector("[data-reader]"), (text) => {
  // A poster has the bare code, or the address of this page with it.
  const code = text.match(/[?&]code=([^&#]+)/)?.[1] ?? text;
  document.querySelector("[name=join_code]").value = decodeURIComponent(code);
});
