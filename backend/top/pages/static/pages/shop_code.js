// Fills the field with the counter's code that was read.
import { reads } from "./reader.js";

const field = document.getElementById("shop_code");
reads(document.querySelector("[data-reader]"), (code) => {
  field.value = code;
  field.form.querySelector("button:not([type=button])").focus();
});
