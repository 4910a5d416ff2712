// The page: channels at the side, a channel and a thread beside each other, both kept current by one stream.
import { Composer } from "/page/file/composer.js";
import { el, relative } from "/page/file/markdown.js";
import { avatar, message } from "/page/file/message.js";
import { openModal } from "/page/file/modal.js";

const GROUP_MS = 7 * 60 * 1000;
const names = { people: {}, channels: {}, person: "" };
const panes = new Map();
let guild = null;
let stream = null;

async function post(channel, action, body, reporter) {
  const answer = await fetch(`/page/${action}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ channel, ...body }) });
  const data = await answer.json().catch(() => ({ error: answer.statusText }));
  if (answer.ok) {
    if (data?.modal) openModal(data, (values) => post(channel, "submit", { interaction: data.interaction, values }, reporter));
    return data ?? true;
  }
  reporter?.fail(data.error);
  return null;
}

class Pane {
  constructor(id, kind) {
    this.id = id;
    this.messages = new Map();
    this.title = el("span", "title");
    this.close = Object.assign(el("a", "close", "✕"), { href: "#", title: "Close the thread" });
    this.log = el("div", "log");
    this.log.setAttribute("role", "log");
    this.composer = new Composer(id, { post: (action, body, reporter) => post(id, action, body, reporter), placeholder: "" });
    this.node = el("section", `pane ${kind}`, el("header", "", el("span", "hash", kind === "thread" ? "🧵" : "#"), this.title, this.close), this.log, this.composer.node);
    this.node.dataset.channel = id;
  }

  name(name) {
    this.title.textContent = name;
    const placeholder = `Message #${name}, or / for commands`;
    Object.assign(this.composer.input, { placeholder, ariaLabel: placeholder });
  }

  update({ order, messages }) {
    const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 80;
    for (const [id, node] of this.messages) {
      if (!order.includes(id)) {
        node.remove();
        this.messages.delete(id);
      }
    }
    for (const [id, data] of Object.entries(messages)) this.put(id, data);
    order.forEach((id, index) => {
      const node = this.messages.get(id);
      if (this.log.children[index] !== node) this.log.insertBefore(node, this.log.children[index] ?? null);
    });
    this.group();
    if (atEnd) this.log.scrollTop = this.log.scrollHeight;
  }

  put(id, data) {
    const act = (action, body, control) => {
      control.disabled = true;
      return post(this.id, action, body, this.composer).finally(() => { control.disabled = false; });
    };
    const node = message(data, { names, act });
    Object.assign(node, { author: data.author.id, at: Date.parse(data.timestamp), starts: Boolean(data.interaction_metadata?.name || data.referenced_message) });
    this.messages.get(id)?.replaceWith(node);
    this.messages.set(id, node);
  }

  group() {
    let previous = null;
    for (const node of this.log.children) {
      const follows = previous && !node.starts && previous.author === node.author && node.at - previous.at < GROUP_MS;
      node.classList.toggle("grouped", Boolean(follows));
      previous = node;
    }
  }
}

function side() {
  document.getElementById("guild").textContent = guild.guild;
  document.title = `#${guild.channel.name} – ${guild.guild}`;
  const me = names.people[names.person];
  document.getElementById("me").textContent = me;
  document.getElementById("me-avatar").replaceWith(Object.assign(avatar({ username: me }, "avatar small"), { id: "me-avatar" }));
  const entry = (channel, kind) => {
    const node = el("a", kind, kind === "channel" ? "# " : "", channel.name);
    node.href = `#${channel.id}`;
    node.classList.toggle("open", panes.has(channel.id));
    return node;
  };
  document.getElementById("channels").replaceChildren(entry(guild.channel, "channel"), ...guild.threads.map((thread) => entry(thread, "thread")));
}

function receive(change) {
  if (change.guild) {
    guild = change.guild;
    names.people = guild.people;
    names.person = guild.person;
    names.channels = Object.fromEntries([guild.channel, ...guild.threads].map((c) => [c.id, c.name]));
    route();
  }
  for (const [id, part] of Object.entries(change.channels)) panes.get(id)?.update(part);
}

// The address names the open thread: /#<thread id>.
function route() {
  const asked = location.hash.slice(1);
  const thread = guild.threads.find((t) => t.id === asked);
  const wanted = [[guild.channel, "channel"], ...(thread ? [[thread, "thread"]] : [])];
  const ids = wanted.map(([channel]) => channel.id);
  const same = ids.length === panes.size && ids.every((id) => panes.has(id));
  for (const [id, pane] of panes) {
    if (!ids.includes(id)) {
      pane.node.remove();
      panes.delete(id);
    }
  }
  for (const [channel, kind] of wanted) {
    if (!panes.has(channel.id)) {
      const pane = new Pane(channel.id, kind);
      panes.set(channel.id, pane);
      document.getElementById("panes").append(pane.node);
    }
    panes.get(channel.id).name(channel.name);
  }
  document.body.classList.toggle("with-thread", Boolean(thread));
  side();
  if (!same) listen();
}

function listen() {
  stream?.close();
  stream = new EventSource(`/page/events?channels=${[...panes.keys()].join(",")}`);
  stream.onmessage = (event) => receive(JSON.parse(event.data));
  stream.onopen = () => document.body.classList.remove("lost");
  stream.onerror = () => document.body.classList.add("lost");
}

setInterval(() => {
  document.querySelectorAll("time[data-relative]").forEach((node) => { node.textContent = relative(Number(node.dataset.relative)); });
}, 1000);
window.addEventListener("hashchange", () => guild && route());
listen();
