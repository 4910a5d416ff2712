// Discord's Markdown as DOM nodes. Text comes from agents and repositories: it is only ever set as text.

export function el(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const LIST = /^(\s*)(?:[-*]|(\d+)\.)\s+(.*)$/;
const BLOCKS = [
  [/^(#{1,3})\s+(.*)$/, (m, names) => el(`h${m[1].length + 2}`, "", ...inline(m[2], names))],
  [/^-#\s+(.*)$/, (m, names) => el("div", "subtext", ...inline(m[1], names))],
];

export function markdown(text, names) {
  const root = el("div", "markdown");
  text.split(/(```[\s\S]*?```)/).forEach((part) => {
    const fence = /^```(?:([\w+-]+)\n)?\n?([\s\S]*?)\n?```$/.exec(part);
    if (fence) root.append(code(fence[1] ?? "", fence[2]));
    else if (part.trim()) blocks(part.replace(/^\n|\n$/g, ""), root, names);
  });
  return root;
}

function code(language, text) {
  const block = el("code");
  text.split("\n").forEach((line, index, lines) => {
    const kind = language === "diff" ? diffClass(line) : "";
    const end = index + 1 < lines.length ? "\n" : "";
    block.append(kind ? el("span", kind, line + end) : line + end);
  });
  return el("pre", "fence", block);
}

function diffClass(line) {
  if (/^(\+\+\+|---|diff |index )/.test(line)) return "diff-file";
  if (line.startsWith("@@")) return "diff-hunk";
  if (line.startsWith("+")) return "diff-add";
  return line.startsWith("-") ? "diff-del" : "";
}

function blocks(text, root, names) {
  let paragraph = null;
  let quote = null;
  text.split("\n").forEach((line) => {
    const quoted = /^>\s?(.*)$/.exec(line);
    if (quoted) {
      quote ??= root.appendChild(el("blockquote"));
      quote.append(el("div", "", ...inline(quoted[1], names)));
      paragraph = null;
      return;
    }
    quote = null;
    const special = block(line, names);
    if (special) {
      root.append(special);
      paragraph = null;
      return;
    }
    if (paragraph) paragraph.append(el("br"));
    else paragraph = root.appendChild(el("p"));
    paragraph.append(...inline(line, names));
  });
}

function block(line, names) {
  for (const [pattern, make] of BLOCKS) {
    const match = pattern.exec(line);
    if (match) return make(match, names);
  }
  const item = LIST.exec(line);
  if (!item) return null;
  const node = el("div", "item", el("span", "bullet", item[2] ? `${item[2]}.` : "•"), el("span", "", ...inline(item[3], names)));
  node.style.marginLeft = `${item[1].length * 8}px`;
  return node;
}

// Each rule: a pattern anchored nowhere, and what its match becomes. The earliest match wins, then the first rule.
const RULES = [
  [/\\([^\w\s])/, (m) => m[1]],
  [/(`+)([\s\S]*?[^`])\1(?!`)/, (m) => el("code", "inline", m[2].replace(/^ (.*) $/, "$1"))],
  [/\*\*([\s\S]+?)\*\*(?!\*)/, (m, names) => el("strong", "", ...inline(m[1], names))],
  [/__([\s\S]+?)__(?!_)/, (m, names) => el("u", "", ...inline(m[1], names))],
  [/~~([\s\S]+?)~~/, (m, names) => el("s", "", ...inline(m[1], names))],
  [/\|\|([\s\S]+?)\|\|/, (m, names) => el("span", "spoiler", ...inline(m[1], names))],
  [/\*(?!\s)([^*\n]+?)(?<!\s)\*/, (m, names) => el("em", "", ...inline(m[1], names))],
  [/(?<![\w])_([^_\n]+?)_(?![\w])/, (m, names) => el("em", "", ...inline(m[1], names))],
  [/\[([^\]\n]+)\]\(<?(https?:\/\/[^\s)>]+)>?\)/, (m, names) => link(m[2], inline(m[1], names))],
  [/<?(https?:\/\/[^\s<>)]+[^\s<>).,;:!?'"])>?/, (m) => link(m[1], [m[1]])],
  [/<@!?(\d+)>/, (m, names) => el("span", "mention", `@${names.people[m[1]] ?? "unknown"}`)],
  [/<#(\d+)>/, (m, names) => channelLink(m[1], names)],
  [/<t:(\d+)(?::([a-zA-Z]))?>/, (m) => time(Number(m[1]), m[2])],
  [/<a?:(\w+):\d+>/, (m) => `:${m[1]}:`],
];

function inline(text, names) {
  const out = [];
  let rest = text;
  while (rest) {
    let best = null;
    for (const [pattern, make] of RULES) {
      const match = pattern.exec(rest);
      if (match && (!best || match.index < best.match.index)) best = { match, make };
    }
    if (!best) break;
    if (best.match.index) out.push(rest.slice(0, best.match.index));
    out.push(best.make(best.match, names));
    rest = rest.slice(best.match.index + best.match[0].length);
  }
  if (rest) out.push(rest);
  return out;
}

function link(href, children) {
  const node = el("a", "", ...children);
  node.href = href;
  node.target = "_blank";
  node.rel = "noreferrer noopener";
  return node;
}

function channelLink(id, names) {
  const node = el("a", "mention", `# ${names.channels[id] ?? "unknown"}`);
  node.href = `#${id}`;
  return node;
}

function time(seconds, style) {
  const at = new Date(seconds * 1000);
  const node = el("time", "stamp", style === "R" ? relative(seconds) : at.toLocaleString());
  node.title = at.toLocaleString();
  if (style === "R") node.dataset.relative = String(seconds);
  return node;
}

export function relative(seconds) {
  const off = Math.round(seconds - Date.now() / 1000);
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [unit, size] = units.find(([, s]) => Math.abs(off) >= s) ?? units[3];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.trunc(off / size), unit);
}
