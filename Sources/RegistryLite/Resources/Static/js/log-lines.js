// Draws entries of a build's log the way the server's template does: text nodes and class names only.
import { parse } from "./ansi.js";

/** How many lines the page holds before it lets the oldest go. */
const most = 20_000;

const kinds = { command: ["step", "Step"], phase: ["phase", "Phase"], error: ["error", "Error"] };

function make(name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function clock(entry) {
  const match = /^\d{4}-\d\d-\d\d[ T](\d\d:\d\d:\d\d)/.exec(entry.data?.datetime ?? "");
  return match ? make("time", "", match[1]) : "";
}

function heading(entry, number, phases) {
  const [className, label] = kinds[entry.type];
  const part = make("details", `part part-${className}`);
  part.open = true;
  const summary = make("summary");
  summary.id = `L${number}`;
  const title = entry.type === "phase" ? phases[entry.message] ?? entry.message : parse(entry.message).runs.map((run) => run.text).join("");
  summary.append(make("span", "part-label", label), make("span", "part-title", title), clock(entry));
  part.append(summary);
  return part;
}

function output() {
  const part = make("details", "part part-output");
  part.open = true;
  const summary = make("summary");
  summary.append(make("span", "part-title", "Output"));
  part.append(summary);
  return part;
}

function line(entry, number) {
  const row = make("div", "line");
  row.id = `L${number}`;
  const link = make("a", "no", String(number));
  link.href = `#L${number}`;
  link.setAttribute("aria-label", `Line ${number}`);
  const code = make("code");
  const { runs, omitted } = parse(entry.message.replace(/\n$/, ""));
  for (const run of runs) code.append(make("span", run.classes, run.text));
  if (omitted > 0) code.append(make("span", "cut", `… ${omitted} more characters in the raw log`));
  row.append(link, clock(entry), code);
  return row;
}

/** Appends entries to the log's body; `position` is the first one's, counting from 0, `phases` a sentence for each phase. */
export function append(body, entries, position, phases) {
  entries.forEach((entry, index) => {
    const number = position + index + 1;
    if (kinds[entry.type]) {
      body.append(heading(entry, number, phases));
      return;
    }
    if (!body.lastElementChild) body.append(output());
    body.lastElementChild.append(line(entry, number));
  });
  prune(body);
}

function prune(body) {
  const lines = body.getElementsByClassName("line");
  while (lines.length > most) {
    const part = lines[0].parentElement;
    lines[0].remove();
    if (part.childElementCount === 1 && part !== body.lastElementChild) part.remove();
  }
}
