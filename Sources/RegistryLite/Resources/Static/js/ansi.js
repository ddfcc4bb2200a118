// Terminal output as runs of plain text with class names. The rules, and why, stand at AnsiText in the server's
// sources; both are held to the same table of cases. Nothing here makes markup.

/** The longest line that a page shows, in characters; the raw log has the rest. */
export const limit = 8192;

const palette = [
  [0, 0, 0], [205, 0, 0], [0, 205, 0], [205, 205, 0], [0, 0, 238], [205, 0, 205], [0, 205, 205], [229, 229, 229],
  [127, 127, 127], [255, 0, 0], [0, 255, 0], [255, 255, 0], [92, 92, 255], [255, 0, 255], [0, 255, 255], [255, 255, 255],
];

function nearest(red, green, blue) {
  let best = 0;
  let least = Infinity;
  palette.forEach(([r, g, b], index) => {
    const distance = (r - Math.min(red, 255)) ** 2 + (g - Math.min(green, 255)) ** 2 + (b - Math.min(blue, 255)) ** 2;
    if (distance < least) { least = distance; best = index; }
  });
  return best;
}

function indexed(number) {
  const level = (step) => (step === 0 ? 0 : step * 40 + 55);
  if (number < 16) return number;
  if (number < 232) {
    const place = number - 16;
    return nearest(level(Math.floor(place / 36)), level(Math.floor(place / 6) % 6), level(place % 6));
  }
  if (number > 255) return null;
  const grey = (number - 232) * 10 + 8;
  return nearest(grey, grey, grey);
}

const plain = () => ({ f: null, g: null, b: false, d: false, i: false, u: false, s: false, v: false });

/** What follows 38 or 48; takes its numbers off the front of `rest`. */
function colour(rest) {
  switch (rest.shift()) {
    case 5: {
      const number = rest.shift();
      return number === undefined ? null : indexed(number);
    }
    case 2:
      if (rest.length < 3) { rest.length = 0; return null; }
      return nearest(...rest.splice(0, 3));
    default: return null;
  }
}

function apply(style, parameters) {
  const rest = parameters.slice();
  while (rest.length > 0) {
    const code = rest.shift();
    if (code === 0) Object.assign(style, plain());
    else if (code === 1) style.b = true;
    else if (code === 2) style.d = true;
    else if (code === 3) style.i = true;
    else if (code === 4 || code === 21) style.u = true;
    else if (code === 7) style.v = true;
    else if (code === 9) style.s = true;
    else if (code === 22) style.b = style.d = false;
    else if (code === 23) style.i = false;
    else if (code === 24) style.u = false;
    else if (code === 27) style.v = false;
    else if (code === 29) style.s = false;
    else if (code >= 30 && code <= 37) style.f = code - 30;
    else if (code === 38) style.f = colour(rest) ?? style.f;
    else if (code === 39) style.f = null;
    else if (code >= 40 && code <= 47) style.g = code - 40;
    else if (code === 48) style.g = colour(rest) ?? style.g;
    else if (code === 49) style.g = null;
    else if (code >= 90 && code <= 97) style.f = code - 82;
    else if (code >= 100 && code <= 107) style.g = code - 92;
  }
}

function classes(style) {
  const names = [];
  if (style.f !== null) names.push(`f${style.f}`);
  if (style.g !== null) names.push(`g${style.g}`);
  for (const name of ["b", "d", "i", "u", "s", "v"]) if (style[name]) names.push(name);
  return names.join(" ");
}

/** The numbers of an SGR sequence; null when it is a private sequence or absurdly long. */
function numbers(text) {
  if (!/^[0-9;:]*$/.test(text)) return null;
  const parts = text.split(/[;:]/);
  return parts.length > 32 ? null : parts.map((part) => Math.min(Number(part), 65535));
}

const escapeSequence = /[\u0020-\u002F]+[\u0030-\u007E]?|[\u0030-\u007E]/y;

/** Splits one log entry into runs `{text, classes}`; `omitted` counts the characters behind the limit. */
export function parse(raw) {
  const runs = [];
  const style = plain();
  let names = "";
  let pending = [];
  let shown = 0;
  let omitted = 0;
  let at = 0;

  const flush = () => {
    if (pending.length === 0) return;
    const text = pending.join("");
    const last = runs.at(-1);
    if (last && last.classes === names) last.text += text;
    else runs.push({ text, classes: names });
    pending = [];
  };
  const skipString = () => {
    while (at < raw.length) {
      const character = raw[at++];
      if ("\u0007\u0018\u001A\u009C".includes(character)) return;
      if (character === "\u001B") {
        if (raw[at] === "\\") at += 1; else at -= 1;
        return;
      }
    }
  };
  const controlSequence = () => {
    const start = at;
    while (at < raw.length && raw[at] >= "\u0020" && raw[at] <= "\u003F") at += 1;
    if (at >= raw.length || raw[at] < "\u0040" || raw[at] > "\u007E") return;
    const final = raw[at++];
    const parameters = final === "m" ? numbers(raw.slice(start, at - 1)) : null;
    if (!parameters) return;
    const next = { ...style };
    apply(next, parameters);
    const nextNames = classes(next);
    if (nextNames !== names) { flush(); names = nextNames; }
    Object.assign(style, next);
  };
  const rewriteLine = () => {
    flush();
    while (runs.length > 0) {
      const last = runs.at(-1);
      const kept = last.text.lastIndexOf("\n") + 1;
      shown -= [...last.text.slice(kept)].length;
      last.text = last.text.slice(0, kept);
      if (kept > 0) return;
      runs.pop();
    }
  };

  while (at < raw.length) {
    const character = String.fromCodePoint(raw.codePointAt(at));
    at += character.length;
    if (character === "\u001B") {
      const kind = raw[at];
      if (kind === "[") { at += 1; controlSequence(); }
      else if (kind !== undefined && "]PX^_".includes(kind)) { at += 1; skipString(); }
      else {
        escapeSequence.lastIndex = at;
        at += escapeSequence.exec(raw)?.[0].length ?? 0;
      }
    } else if (character === "\u009B") controlSequence();
    else if ("\u0090\u0098\u009D\u009E\u009F".includes(character)) skipString();
    else if (character === "\r") {
      if (at < raw.length && raw[at] !== "\n" && raw[at] !== "\r") rewriteLine();
    } else if (/[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/.test(character)) continue;
    else if (shown < limit) { shown += 1; pending.push(character); }
    else omitted += 1;
  }
  flush();
  return { runs, omitted };
}
