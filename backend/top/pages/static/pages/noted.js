// Tells what was noted without signal, on pages that note nothing themselves.
import { Notes } from "./noting.js";

new Notes(document.querySelector("[data-noted]"));
