// On every page: colour scheme, keyboard, copying, filtering of lists, moments in words.
import { announce, memory, reveal } from "./page.js";

const root = document.documentElement;
reveal(document);
for (const element of document.querySelectorAll(".without-script")) element.hidden = true;

// Colours. The server reads the cookie, so that the next page is drawn right from its first byte.
for (const input of document.querySelectorAll('input[name="theme"]')) {
  input.checked = input.value === root.dataset.theme;
  input.addEventListener("change", () => {
    root.dataset.theme = input.value;
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `theme=${input.value}; path=/; max-age=31536000; samesite=lax${secure}`;
  });
}

// Copying.
async function copy(id) {
  const source = document.getElementById(id);
  if (!source) return;
  try {
    await navigator.clipboard.writeText(source.textContent);
    announce("Copied.");
    const button = document.querySelector(`[data-copy="${id}"]`);
    if (!button) return;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  } catch {
    // No right to the clipboard (plain HTTP): select it, so that one key does the rest.
    getSelection().selectAllChildren(source);
    announce("Selected. Copy it with the keyboard.");
  }
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button.dataset.copy);
});

// Filtering a list of repositories.
for (const input of document.querySelectorAll('[data-filter="repositories"]')) {
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const group of document.querySelectorAll("[data-group]")) {
      const space = group.querySelector("h2").textContent;
      let any = false;
      for (const row of group.querySelectorAll("[data-row]")) {
        const text = `${space}/${row.textContent}`.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        if (!row.hidden) { any = true; shown += 1; }
      }
      group.hidden = !any;
    }
    announce(`${shown} ${shown === 1 ? "repository" : "repositories"}`);
  });
}

// Moments, as time goes by.
function ago(seconds) {
  const steps = [[3600, 60, "minute"], [86400, 3600, "hour"], [2592000, 86400, "day"], [31536000, 2592000, "month"], [Infinity, 31536000, "year"]];
  if (seconds < 45) return "just now";
  const [, unit, name] = steps.find(([limit]) => seconds < limit);
  const count = Math.max(1, Math.floor(seconds / unit));
  return `${count} ${name}${count === 1 ? "" : "s"} ago`;
}
const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
function tellTime() {
  for (const element of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    element.textContent = ago((Date.now() - moment) / 1000);
    element.title = local.format(moment);
  }
}
tellTime();
setInterval(tellTime, 20_000);
document.addEventListener("redrawn", () => { reveal(document); tellTime(); });

// Keyboard.
const help = document.getElementById("help");
const switchBox = document.getElementById("keys-on");
switchBox.checked = memory.get("keys") !== "off";
switchBox.addEventListener("change", () => memory.set("keys", switchBox.checked ? "on" : "off"));
document.querySelector("[data-help]").addEventListener("click", () => help.showModal());

let chosen = null;
function choose(step) {
  const rows = [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);
  if (rows.length === 0) return;
  const at = rows.indexOf(chosen);
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step));
  chosen?.classList.remove("chosen");
  chosen = rows[next];
  chosen.classList.add("chosen");
  chosen.querySelector("a").focus();
}

const goals = {
  r: () => "/repository/",
  b: () => document.querySelector("[data-builds-path]")?.dataset.buildsPath,
};
let goes = 0;
function isTyping(element) {
  return element.matches?.('input:not([type="radio"], [type="checkbox"]), textarea, select, [contenteditable]');
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape" && event.target.matches("[data-search]")) event.target.blur();
    return;
  }
  if (document.querySelector("dialog[open]") || !switchBox.checked) return;
  const going = goes && event.timeStamp - goes < 1500;
  goes = 0;
  if (going) {
    const path = goals[event.key]?.();
    if (path) location.assign(path);
    return;
  }
  switch (event.key) {
    case "?": help.showModal(); break;
    case "/": document.querySelector("[data-search]")?.focus(); break;
    case "g": goes = event.timeStamp; return;
    case "j": choose(1); break;
    case "k": choose(-1); break;
    case "c": copy("pull-command"); break;
    default:
      // The page's own module may know it.
      document.dispatchEvent(new CustomEvent("page-key", { detail: event.key }));
      return;
  }
  event.preventDefault();
});
