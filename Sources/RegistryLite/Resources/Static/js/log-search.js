// Search within the log that the page holds.
import { announce } from "./page.js";

const ranges = globalThis.Highlight && CSS.highlights ? new Highlight() : null;
if (ranges) CSS.highlights.set("log-search", ranges);

/** Wires the search field to the log's body. Answers what the page calls when lines were added, and for n and p. */
export function search(field, hits, body) {
  let found = [];
  let at = -1;

  function mark(code, needle) {
    if (!ranges) return;
    const walker = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode.data.toLowerCase();
      for (let place = text.indexOf(needle); place >= 0; place = text.indexOf(needle, place + needle.length)) {
        if (place + needle.length > walker.currentNode.length) break;
        ranges.add(new StaticRange({ startContainer: walker.currentNode, startOffset: place, endContainer: walker.currentNode, endOffset: place + needle.length }));
      }
    }
  }

  function run() {
    for (const row of body.querySelectorAll(".hit")) row.classList.remove("hit", "here");
    ranges?.clear();
    const needle = field.value.toLowerCase();
    found = [];
    at = -1;
    if (needle.length > 0) {
      for (const code of body.querySelectorAll(".line > code, .part-title")) {
        if (!code.textContent.toLowerCase().includes(needle)) continue;
        const row = code.parentElement;
        row.classList.add("hit");
        found.push(row);
        mark(code, needle);
      }
    }
    hits.textContent = needle.length === 0 ? "" : found.length === 0 ? "no hits" : `${found.length} ${found.length === 1 ? "line" : "lines"}`;
  }

  function go(step) {
    if (found.length === 0) return;
    found[at]?.classList.remove("here");
    at = (at + step + found.length) % found.length;
    if (at < 0) at = found.length - 1;
    const row = found[at];
    row.closest("details").open = true;
    row.classList.add("here");
    row.scrollIntoView({ block: "center" });
    hits.textContent = `${at + 1} of ${found.length}`;
    announce(`Hit ${at + 1} of ${found.length}: ${row.textContent.slice(0, 200)}`);
  }

  let timer = 0;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(run, 120);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    clearTimeout(timer);
    if (at < 0) run();
    go(event.shiftKey ? -1 : 1);
  });
  return {
    next: () => go(at < 0 ? 1 : 1),
    previous: () => go(-1),
    refresh() { if (field.value && at < 0) run(); },
  };
}
