// Where the person types: messages, and slash commands written as /name option:value, with suggestions.
import { el } from "/page/file/markdown.js";

const BOOLEAN = 5;

// "/spawn task: fix it model: opus" → which command, which values, and which option is being typed.
export function parse(text, commands) {
  const command = commands
    .filter((c) => text === `/${c.name}` || text.startsWith(`/${c.name} `))
    .sort((a, b) => b.name.length - a.name.length)[0];
  if (!command) return null;
  const rest = text.slice(command.name.length + 1);
  const marks = [...rest.matchAll(/(?<=^|\s)([\w-]+):/g)].filter((m) => command.options.some((o) => o.name === m[1]) && !quoted(rest, m.index));
  const values = {};
  marks.forEach((mark, index) => {
    values[mark[1]] = unquote(rest.slice(mark.index + mark[0].length, marks[index + 1]?.index).trim());
  });
  const bare = rest.slice(0, marks[0]?.index).trim();
  const required = command.options.filter((o) => o.required);
  if (bare && required.length === 1 && !(required[0].name in values)) values[required[0].name] = unquote(bare);
  return { command, values, focus: marks.at(-1)?.[1] ?? null };
}

function quoted(text, index) {
  return (text.slice(0, index).match(/"/g) ?? []).length % 2 === 1;
}

function unquote(value) {
  return /^"[\s\S]*"$/.test(value) && value.length > 1 ? value.slice(1, -1) : value;
}

function typed(parsed) {
  return Object.fromEntries(
    Object.entries(parsed.values).map(([name, value]) => {
      const option = parsed.command.options.find((o) => o.name === name);
      const choice = option.choices?.find((c) => c.name === value);
      if (option.type === BOOLEAN) return [name, /^(true|yes|on|1)$/i.test(value)];
      return [name, choice ? String(choice.value) : value];
    }),
  );
}

export class Composer {
  constructor(channel, { post, placeholder }) {
    this.channel = channel;
    this.post = post;
    this.commands = [];
    this.picked = 0;
    this.chosen = new Map();
    this.input = Object.assign(el("textarea", ""), { rows: 1, placeholder, ariaLabel: placeholder, spellcheck: false });
    this.list = el("div", "suggestions");
    this.error = el("div", "error");
    this.node = el("form", "composer", this.list, this.error, this.input);
    this.input.oninput = () => this.refresh();
    this.input.onfocus = () => this.refresh();
    this.input.onblur = () => setTimeout(() => this.suggest("", []), 150);
    this.input.onkeydown = (event) => this.key(event);
    this.node.onsubmit = (event) => event.preventDefault();
  }

  async refresh() {
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight, 220)}px`;
    const text = this.input.value;
    if (!text.startsWith("/")) return this.suggest("", []);
    this.commands = (await this.post("commands", {})) ?? this.commands;
    const parsed = parse(text, this.commands);
    if (!parsed || text === `/${parsed.command.name}`) return this.suggestCommands(text.slice(1));
    const typing = parsed.focus && !/\s$/.test(text.replace(/:\s*$/, ":"));
    return typing && (await this.suggestValues(parsed)) ? undefined : this.suggestOptions(parsed);
  }

  suggestCommands(start) {
    const found = this.commands.filter((c) => c.name.startsWith(start));
    this.suggest("Commands", found.map((c) => ({
      label: `/${c.name}`,
      detail: c.description,
      take: () => {
        const first = c.options.find((o) => o.required);
        this.fill(`/${c.name} ${first ? `${first.name}: ` : ""}`);
      },
    })));
  }

  suggestOptions(parsed) {
    const open = parsed.command.options.filter((o) => !(o.name in parsed.values));
    this.suggest(`/${parsed.command.name} – ${parsed.command.description}`, open.map((o) => ({
      label: o.name,
      detail: o.description,
      required: o.required,
      take: () => this.fill(`${this.input.value.trimEnd()} ${o.name}: `),
    })), false);
  }

  async suggestValues(parsed) {
    const option = parsed.command.options.find((o) => o.name === parsed.focus);
    const text = parsed.values[option.name];
    const rest = { ...typed(parsed) };
    delete rest[option.name];
    let choices = option.type === BOOLEAN ? [{ name: "True" }, { name: "False" }] : option.choices;
    if (option.autocomplete) {
      const asked = this.input.value;
      choices = await this.post("autocomplete", { name: parsed.command.name, option: option.name, text });
      if (this.input.value !== asked) return true;
    }
    if (!choices?.length) return false;
    const found = option.autocomplete ? choices : choices.filter((c) => c.name.toLowerCase().includes(text.toLowerCase()));
    this.suggest(option.name, found.map((c) => ({ label: c.name, detail: "", take: () => this.complete(option.name, text, c) })), false);
    return true;
  }

  complete(name, text, choice) {
    const before = this.input.value.slice(0, this.input.value.length - (text ? text.length : 0)).trimEnd();
    this.chosen.set(`${name}\n${choice.name}`, choice.value);
    this.fill(`${before} ${choice.name} `);
  }

  fill(text) {
    this.input.value = text;
    this.input.focus();
    this.refresh();
  }

  suggest(title, entries, takeOnEnter = true) {
    this.picked = 0;
    this.takeOnEnter = takeOnEnter;
    const items = entries.slice(0, 12).map((entry) => {
      const item = el("button", "suggestion", el("b", "", entry.label), entry.required ? el("span", "tag", "required") : null, el("span", "", entry.detail));
      item.type = "button";
      item.tabIndex = -1;
      item.onmousedown = (event) => {
        event.preventDefault();
        entry.take();
      };
      item.take = entry.take;
      return item;
    });
    this.list.replaceChildren(...(items.length ? [el("small", "", title), ...items] : []));
    this.mark(0);
  }

  mark(index) {
    const items = [...this.list.querySelectorAll(".suggestion")];
    this.picked = items.length ? (index + items.length) % items.length : 0;
    items.forEach((item, i) => item.classList.toggle("picked", i === this.picked));
    return items[this.picked];
  }

  key(event) {
    const item = this.list.querySelectorAll(".suggestion")[this.picked];
    if (item && (event.key === "ArrowDown" || event.key === "ArrowUp")) this.mark(this.picked + (event.key === "ArrowDown" ? 1 : -1));
    else if (item && (event.key === "Tab" || (event.key === "Enter" && this.takeOnEnter))) item.take();
    else if (event.key === "Escape") this.suggest("", []);
    else if (event.key === "Enter" && !event.shiftKey) this.send();
    else return;
    event.preventDefault();
  }

  async send() {
    const text = this.input.value.trim();
    if (!text) return;
    this.commands = text.startsWith("/") ? await this.post("commands", {}) : [];
    const parsed = parse(text, this.commands);
    const sent = parsed
      ? this.post("slash", { name: parsed.command.name, options: this.values(parsed) }, this)
      : this.post("say", { content: text }, this);
    this.suggest("", []);
    this.fail("");
    this.input.value = "";
    this.input.style.height = "auto";
    if ((await sent) === null && !this.input.value) this.input.value = text;
  }

  // A suggestion shows a name and stands for a value.
  values(parsed) {
    const values = typed(parsed);
    Object.entries(values).forEach(([name, value]) => {
      const key = `${name}\n${value}`;
      if (this.chosen.has(key)) values[name] = String(this.chosen.get(key));
    });
    return values;
  }

  fail(text) {
    this.error.textContent = text;
  }
}
