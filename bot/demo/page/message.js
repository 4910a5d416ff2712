// A message as DOM nodes: text, Components V2, embeds, attachments, the thread that hangs on it.
import { el, markdown } from "/page/file/markdown.js";

const BUTTON_STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link" };
const EPHEMERAL = 1 << 6;
const LOADING = 1 << 7;

export function message(data, context) {
  const node = el("article", "message");
  node.id = `message-${data.id}`;
  if (data.flags & EPHEMERAL) node.classList.add("ephemeral");
  if (data.mentions.some((user) => user.id === context.names.person)) node.classList.add("pings");
  const body = el("div", "body", invoked(data), replied(data, context), heading(data), ...content(data, context));
  node.append(avatar(data.author), body);
  return node;
}

export function avatar(user, className = "avatar") {
  const node = el("span", className, (user.global_name ?? user.username).slice(0, 1).toUpperCase());
  node.classList.add(user.bot ? "bot" : "human");
  return node;
}

function invoked(data) {
  const used = data.interaction_metadata;
  if (!used?.name) return null;
  return el("div", "invoked", el("b", "", used.user.global_name ?? used.user.username), " used ", el("span", "command", `/${used.name}`));
}

function replied(data, context) {
  const target = data.referenced_message;
  if (!target) return null;
  const line = target.content.split("\n")[0].slice(0, 100) || "Click to see the message";
  const link = el("a", "", el("b", "", context.names.people[target.author.id] ?? target.author.username), ` ${line}`);
  link.href = `#message-${target.id}`;
  link.onclick = (event) => {
    event.preventDefault();
    document.getElementById(link.hash.slice(1))?.scrollIntoView({ block: "center" });
  };
  return el("div", "invoked", link);
}

function heading(data) {
  const at = new Date(data.timestamp);
  const stamp = el("time", "", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  stamp.title = at.toLocaleString();
  const name = el("b", data.author.bot ? "name app" : "name", data.author.global_name ?? data.author.username);
  return el("header", "", name, data.author.bot ? el("span", "tag", "APP") : null, stamp);
}

function content(data, context) {
  if (data.flags & LOADING) return [el("div", "thinking", el("i"), el("i"), el("i"), ` ${data.author.username} is thinking…`)];
  const text = data.content ? markdown(data.content, context.names) : null;
  // Filling in a deferred answer is no edit in Discord's client.
  if (text && data.edited_timestamp && !data.interaction_metadata?.name) (text.lastElementChild ?? text).append(el("small", "edited", " (edited)"));
  const shownInside = new Set(walk(data.components).filter((part) => part.type === 13).map((part) => part.file.url));
  return [
    text,
    ...data.embeds.map((embed) => embedded(embed, context)),
    ...data.components.map((part) => component(part, data, context)),
    ...data.attachments.filter((file) => !shownInside.has(file.url)).map(attachment),
    data.flags & EPHEMERAL ? el("div", "hint", "Only you can see this") : null,
    data.thread ? threadLink(data.thread) : null,
  ];
}

function walk(parts) {
  return parts.flatMap((part) => [part, ...walk(part.components ?? []), ...(part.accessory ? [part.accessory] : [])]);
}

const COMPONENTS = {
  1: (part, data, context) => el("div", "row", ...children(part, data, context)),
  2: button,
  3: select,
  9: (part, data, context) => el("div", "section", el("div", "", ...children(part, data, context)), component(part.accessory, data, context)),
  10: (part, data, context) => markdown(part.content, context.names),
  11: (part) => image(part.media.url, "thumbnail", part.description),
  12: (part) => el("div", "gallery", ...part.items.map((item) => image(item.media.url, "", item.description))),
  13: (part, data) => attachment(data.attachments.find((file) => file.url === part.file.url) ?? { filename: part.name ?? "file", url: part.file.url, size: part.size ?? 0, content_type: "" }),
  14: (part) => el("hr", `${part.divider === false ? "blank" : ""} ${part.spacing === 2 ? "wide" : ""}`),
  17: container,
};

function component(part, data, context) {
  const make = COMPONENTS[part.type];
  return make ? make(part, data, context) : el("div", "hint", `(component ${part.type})`);
}

function children(part, data, context) {
  return part.components.map((child) => component(child, data, context));
}

function container(part, data, context) {
  const node = el("div", "container", ...children(part, data, context));
  if (part.accent_color !== null && part.accent_color !== undefined) node.style.borderLeftColor = colour(part.accent_color);
  return node;
}

function colour(number) {
  return `#${number.toString(16).padStart(6, "0")}`;
}

function button(part, data, context) {
  const label = [part.emoji?.name, part.label].filter(Boolean).join(" ");
  const node = el(part.url ? "a" : "button", `button ${BUTTON_STYLES[part.style]}`, label);
  if (part.url) {
    Object.assign(node, { href: part.url, target: "_blank", rel: "noreferrer noopener" });
    return node;
  }
  node.disabled = Boolean(part.disabled);
  node.dataset.customId = part.custom_id;
  node.onclick = () => context.act("press", { message: data.id, custom_id: part.custom_id }, node);
  return node;
}

function select(part, data, context) {
  const node = el("select", "select", el("option", "", part.placeholder ?? "Choose"));
  node.firstChild.disabled = true;
  node.multiple = (part.max_values ?? 1) > 1;
  node.append(...part.options.map((option) => Object.assign(el("option", "", option.label), { value: option.value, selected: Boolean(option.default) })));
  if (!part.options.some((option) => option.default)) node.firstChild.selected = !node.multiple;
  node.disabled = Boolean(part.disabled);
  node.onchange = () => {
    const values = [...node.selectedOptions].map((option) => option.value);
    context.act("choose", { message: data.id, custom_id: part.custom_id, values }, node);
  };
  return node;
}

function embedded(embed, context) {
  const fields = (embed.fields ?? []).map((field) => el("div", field.inline ? "field inline" : "field", el("b", "", field.name), markdown(field.value, context.names)));
  const node = el(
    "div", "container embed",
    embed.author ? el("small", "", embed.author.name) : null,
    embed.title ? el("h4", "", embed.title) : null,
    embed.description ? markdown(embed.description, context.names) : null,
    fields.length ? el("div", "fields", ...fields) : null,
    embed.footer ? el("small", "", embed.footer.text) : null,
  );
  if (embed.color) node.style.borderLeftColor = colour(embed.color);
  return node;
}

function attachment(file) {
  if (file.content_type?.startsWith("image/")) return image(file.url, "picture", file.description ?? file.filename);
  const link = Object.assign(el("a", "", file.filename), { href: local(file.url), target: "_blank", rel: "noopener" });
  return el("div", "file", el("span", "file-icon", "📄"), el("div", "", link, el("small", "", size(file.size))));
}

function image(url, className, alt) {
  return Object.assign(el("img", className), { src: local(url), alt: alt ?? "" });
}

// Attachments are served by this page's own server, under whatever name the browser reaches it.
function local(url) {
  const at = new URL(url, location.href);
  return at.pathname.startsWith("/cdn/") ? at.pathname : url;
}

function size(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

function threadLink(thread) {
  const count = `${thread.messages} message${thread.messages === 1 ? "" : "s"}`;
  const node = el("a", "thread-link", el("b", "", thread.name), el("span", "count", `${count} ›`));
  node.href = `#${thread.id}`;
  return node;
}
