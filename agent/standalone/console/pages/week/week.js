// The week's timetable: drawn from one JSON object, edited by dragging, by keys and in a dialog, brought up to date while
// others edit it too. What the server says is what is shown; what is not yet saved is drawn as such.

import { act, sure } from "./act.js";
import { LAST, STEP, WEEK, clash, clock, columns, drawn, end, free, goesOn, moved, resized, same } from "./week_grid.js";
import { Dialog } from "./week_dialog.js";
import { Pull } from "./week_pull.js";

const POLL_MS = 3000;
const KEYS_MS = 800; // so long after the last key an edit by keys is saved
const USUAL = 2700;

const root = document.getElementById("week");
const words = JSON.parse(root.dataset.words);
const mayEdit = "edit" in root.dataset;
const grid = root.querySelector(".weekgrid");
const board = root.querySelector(".board");
const said = root.querySelector(".said");
const undoButton = root.querySelector(".undo");
const disconnected = document.getElementById("disconnected");
const chosen = { gather: root.querySelector("[name=gather]"), channel: root.querySelector("[name=channel]"), day: root.querySelector("[name=day]") };

let data = null; // as the server last said
let fresh = null; // what it said while somebody was at it
let draft = null; // the lesson that is being changed, at its new place
let saving = false;
let keysTimer = 0;
let undone = null; // how the last change is taken back: { text, work }

const named = (list, id) => list.find((one) => one.id === id)?.name ?? "";
const find = (id) => data.courses.find((course) => course.id === id) ?? null;
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const times = (lesson) => `${clock(lesson.start)}–${clock(end(lesson))}`;
const place = (lesson) => `${words.days[lesson.day]} · ${named(data.channels, lesson.channel)}`;
const told = (lesson) => `${named(data.subjects, lesson.subject)}, ${place(lesson)}, ${times(lesson)}`;

function say(text, isBad = false) {
  said.textContent = text;
  said.classList.toggle("wrong", isBad);
}

// -- what is shown

function channels() {
  const gather = Number(chosen.gather.value);
  const channel = Number(chosen.channel.value);
  const all = data.channels.filter((one) => !gather || one.gather === gather);
  return channel ? all.filter((one) => one.id === channel) : all;
}

function shownDays() {
  return chosen.day.value === "" ? WEEK : [Number(chosen.day.value)];
}

function options(select, list, first) {
  const kept = select.value;
  select.replaceChildren(...[...(first === null ? [] : [new Option(first, "")]), ...list.map((one) => new Option(one.name, one.id))]);
  if ([...select.options].some((option) => option.value === kept)) select.value = kept;
}

function choices() {
  options(chosen.gather, data.gathers, words.all_gathers);
  chosen.gather.closest("label").hidden = data.gathers.length < 2;
  const gather = Number(chosen.gather.value);
  options(chosen.channel, data.channels.filter((one) => !gather || one.gather === gather), words.all_channels);
}

function element(name, kind, text = "") {
  const made = document.createElement(name);
  made.className = kind;
  made.textContent = text;
  return made;
}

function draw() {
  const focused = document.activeElement?.closest?.(".block")?.dataset.id;
  const list = channels();
  const shown = columns(shownDays(), list.map((one) => one.id));
  board.style.setProperty("--columns", shown.length);
  board.classList.toggle("many", shown.length > 7);
  const heads = [];
  const bodies = [];
  for (const column of shown) {
    const head = element("div", "head");
    head.append(element("strong", "", words.days[column.day]));
    if (list.length > 1 || shownDays().length === 1) head.append(element("span", "small", named(data.channels, column.channel)));
    head.classList.toggle("today", column.day === data.today);
    heads.push(head);
    bodies.push(body(column));
  }
  board.querySelector(".heads").replaceChildren(element("div", "corner"), ...heads);
  board.querySelector(".bodies").replaceChildren(axis(), ...bodies);
  root.querySelector(".none").hidden = shown.length > 0;
  if (focused) board.querySelector(`.block[data-id="${focused}"]`)?.focus({ preventScroll: true });
}

function axis() {
  const made = element("div", "axis");
  for (let hour = 0; hour < 24; hour += 1) made.append(element("span", "", `${String(hour).padStart(2, "0")}:00`));
  return made;
}

function body(column) {
  const made = element("ol", "column");
  made.dataset.day = column.day;
  made.dataset.channel = column.channel;
  made.setAttribute("aria-label", `${words.days[column.day]} · ${named(data.channels, column.channel)}`);
  const own = (lesson) => lesson.day === column.day && lesson.channel === column.channel;
  for (const lesson of data.courses) {
    if (draft && lesson.id === draft.id) continue;
    if (own(lesson)) made.append(block(lesson, false));
  }
  if (draft && own(draft)) made.append(block(draft, true));
  if (column.day === data.today) {
    const line = element("li", "nowline");
    line.setAttribute("aria-hidden", "true");
    line.style.top = `${(data.clock / 864).toFixed(4)}%`;
    made.append(line);
  }
  return made;
}

function block(lesson, isDraft) {
  const item = element("li", "slot");
  item.style.top = `${(lesson.start / 864).toFixed(4)}%`;
  item.style.height = `${(lesson.length / 864).toFixed(4)}%`;
  const made = element("button", "block");
  made.type = "button";
  made.dataset.id = lesson.id ?? "new";
  made.style.setProperty("--hue", (lesson.subject * 47) % 360);
  const on = data.on.includes(lesson.id);
  made.classList.toggle("on", on);
  made.classList.toggle("draft", isDraft);
  made.classList.toggle("clash", isDraft && clash(lesson, data.courses) !== null);
  made.classList.toggle("short", lesson.length < 2400);
  made.append(
    element("strong", "", named(data.subjects, lesson.subject)),
    element("span", "teacher", named(data.teachers, lesson.teacher)),
    element("span", "times", times(lesson)),
  );
  if (on) made.append(element("span", "rec", words.on_mark));
  made.setAttribute("aria-label", [told(lesson), named(data.teachers, lesson.teacher), on ? words.recording : ""].filter(Boolean).join(", "));
  made.title = made.getAttribute("aria-label");
  made.append(element("span", "grip"));
  item.append(made);
  return item;
}

// -- what the server says

async function load() {
  const headers = data ? { "If-None-Match": `"${(fresh ?? data).mark}"` } : {};
  const answer = await fetch(root.dataset.from, { cache: "no-store", headers });
  if (answer.status === 401) return location.reload();
  if (answer.status === 304) {
    const line = Number(answer.headers.get("X-Clock"));
    if (line) moveLine(line);
    return undefined;
  }
  if (!answer.ok) throw new Error(answer.status);
  fresh = await answer.json();
  return take();
}

function moveLine(now) {
  data.clock = now;
  for (const line of board.querySelectorAll(".nowline")) line.style.top = `${(now / 864).toFixed(4)}%`;
}

function take() {
  if (!fresh || draft || saving || dialog.isOpen) return;
  data = fresh;
  fresh = null;
  choices();
  draw();
}

async function poll() {
  try {
    if (!document.hidden) await load();
    disconnected.hidden = true;
  } catch {
    disconnected.hidden = false;
  }
  setTimeout(poll, POLL_MS);
}

// -- changes

function fields(lesson) {
  return {
    camera_id: lesson.channel,
    subject_id: lesson.subject,
    teacher_id: lesson.teacher,
    week_id: lesson.day,
    elapse_sec: lesson.length,
    start_time: clock(lesson.start, true),
  };
}

function overlap(lesson) {
  return fill(words.overlap, { times: `${clock(lesson.start, true)} ~ ${clock(end(lesson), true)}` });
}

async function warned(before, after) {
  if (!before || !data.on.includes(before.id)) return true;
  const text = goesOn(before, after, data.today, data.clock) ? fill(words.goes_on, { until: clock(end(after)) }) : words.ends_now;
  return sure(`${fill(words.being_recorded, { lesson: named(data.subjects, before.subject) })} ${text}`);
}

/** Save a change: `before` null = a new lesson, `after` null = it goes. Returns whether it is so now. */
async function change(before, after, { isUndo = false } = {}) {
  if (before && after && same(before, after)) return settle(true);
  const other = after && clash(after, data.courses);
  if (other) {
    say(overlap(other), true);
    return settle(false);
  }
  if (!(await warned(before, after))) {
    say("");
    return settle(false);
  }
  saving = true;
  const [endpoint, given] = !before
    ? ["add_course", fields(after)]
    : !after
      ? ["del_course", { course_id: before.id }]
      : ["mod_course", { course_id: before.id, ...fields(after) }];
  const answer = await act(endpoint, given);
  if (answer.err_code !== 0) {
    say(answer.sentence, true);
    return settle(false);
  }
  const now = after && { ...after, id: before ? before.id : answer.course_id };
  apply(before, now);
  remember(before, now, isUndo);
  const kind = isUndo ? "undone" : !before ? "added" : !after ? "deleted" : "changed";
  say(`${fill(words[kind], { lesson: told(now ?? before) })} ${answer.agent?.sentence ?? ""}`, answer.agent?.done === false);
  return settle(true);
}

function apply(before, after) {
  const others = data.courses.filter((course) => course.id !== before?.id);
  data.courses = after ? [...others, after] : others;
  data.mark = "";
}

function settle(done) {
  saving = false;
  draft = null;
  draw();
  load().catch(() => {
    disconnected.hidden = false;
  });
  return done;
}

function remember(before, after, isUndo) {
  undone = isUndo ? null : { before: after && { ...after }, after: before && { ...before } };
  undoButton.disabled = undone === null;
}

async function undo() {
  if (!undone || saving || draft) return;
  const { before, after } = undone;
  const now = before && find(before.id);
  if (before && (!now || !same(now, before))) {
    undone = null;
    undoButton.disabled = true;
    say(words.changed_elsewhere, true);
    return;
  }
  await change(before, after, { isUndo: true });
}

// -- dragging

const pull = new Pull(grid, board, {
  lesson: (id) => find(id),
  begin: () => mayEdit && !saving && !dialog.isOpen,
  show(lesson) {
    draft = lesson;
    draw();
    const other = clash(lesson, data.courses);
    say(other ? overlap(other) : `${place(lesson)} ${times(lesson)}`, other !== null);
  },
  cancel() {
    draft = null;
    say("");
    draw();
    take();
  },
  drop(before, lesson, isCopy) {
    if (before && isCopy) change(null, { ...lesson, id: null });
    else if (before) change(before, lesson);
    else edit(null, lesson);
  },
  fresh: (column, from, to) => ({ ...blank(), ...column, ...drawn(from, to) }),
  moved,
  resized,
});

function blank() {
  const last = data.courses.at(-1);
  return { id: null, subject: last?.subject ?? data.subjects[0]?.id ?? 0, teacher: last?.teacher ?? data.teachers[0]?.id ?? 0 };
}

// -- keys

function byKeys(event, lesson) {
  const step = event.shiftKey ? resizedBy : movedBy;
  const keys = { ArrowUp: -STEP, ArrowDown: STEP };
  if (event.key in keys) return step(lesson, keys[event.key]);
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") return acrossBy(lesson, event.key === "ArrowLeft" ? -1 : 1);
  return null;
}

const movedBy = (lesson, by) => moved(lesson, lesson.start + by);
const resizedBy = (lesson, by) => resized(lesson, end(lesson) + by);

function acrossBy(lesson, by) {
  const shown = columns(shownDays(), channels().map((one) => one.id));
  const at = shown.findIndex((column) => column.day === lesson.day && column.channel === lesson.channel);
  const next = shown[at + by];
  return next ? { ...lesson, ...next } : null;
}

function commitKeys() {
  clearTimeout(keysTimer);
  keysTimer = 0;
  if (draft && !pull.isOn) change(find(draft.id), draft);
}

grid.addEventListener("keydown", (event) => {
  const button = event.target.closest(".block");
  if (!button || saving || !data || !mayEdit) return;
  const lesson = draft ?? find(Number(button.dataset.id));
  if (!lesson) return;
  if (event.key === "Delete" || event.key === "Backspace") {
    event.preventDefault();
    draft = null;
    change(find(lesson.id), null);
    return;
  }
  if (event.key === "Escape" && draft) {
    clearTimeout(keysTimer);
    keysTimer = 0;
    draft = null;
    say("");
    draw();
    return;
  }
  const next = byKeys(event, lesson);
  if (!next) return;
  event.preventDefault();
  draft = next;
  draw();
  board.querySelector(`.block[data-id="${next.id}"]`)?.focus({ preventScroll: true });
  const other = clash(next, data.courses);
  say(other ? overlap(other) : `${place(next)} ${times(next)}`, other !== null);
  clearTimeout(keysTimer);
  keysTimer = setTimeout(commitKeys, KEYS_MS);
});

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !dialog.isOpen) {
    event.preventDefault();
    undo();
  }
});

// -- the dialog

const dialog = new Dialog(document.getElementById("lesson-form"), words);

async function edit(before, lesson) {
  draft = before ? null : lesson;
  draw();
  const wish = await dialog.open(lesson, data, { isNew: before === null, isOn: before !== null && data.on.includes(before.id) }, check);
  draft = null;
  if (!wish) {
    draw();
    take();
    return;
  }
  const now = before && (fresh ?? data).courses.find((course) => course.id === before.id);
  if (before && !wish.isCopy && (!now || !same(now, before))) {
    say(words.changed_elsewhere, true);
    settle(false);
    return;
  }
  if (wish.isDelete) await change(before, null);
  else await change(wish.isCopy ? null : before, { ...wish.lesson, id: wish.isCopy ? null : (before?.id ?? null) });
}

/** What is wrong with what a form says; empty when nothing is. */
function check(lesson, isCopy) {
  if (lesson.start === null || lesson.until === null) return words.bad_time;
  if (lesson.until <= lesson.start) return words.ends_before;
  if (lesson.until > LAST) return words.past_midnight;
  const other = clash({ ...lesson, id: isCopy ? null : lesson.id }, data.courses);
  return other ? overlap(other) : "";
}

grid.addEventListener("click", (event) => {
  const button = event.target.closest(".block");
  if (!button || pull.tookClick() || saving || !mayEdit) return;
  if (draft) {
    commitKeys();
    return;
  }
  const lesson = find(Number(button.dataset.id));
  if (lesson) edit(lesson, lesson);
});

root.querySelector(".add")?.addEventListener("click", () => {
  const channel = channels()[0];
  if (!channel || saving) return;
  const day = shownDays().includes(data.today) ? data.today : shownDays()[0];
  const where = { day, channel: channel.id };
  let start = 8 * 3600;
  while (start < 22 * 3600 && free(where, start, USUAL, data.courses) < USUAL) start += STEP;
  edit(null, { ...blank(), ...where, start, length: USUAL });
});

undoButton?.addEventListener("click", undo);
for (const select of Object.values(chosen)) {
  select.addEventListener("change", () => {
    if (select === chosen.gather) choices();
    keep();
    draw();
  });
}

// The choice stays in the address, so that it can be shared and survives a reload.
function keep() {
  const query = new URLSearchParams();
  for (const [name, select] of Object.entries(chosen)) if (select.value !== "") query.set(name, select.value);
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
}

function restore() {
  const query = new URLSearchParams(location.search);
  const isNarrow = matchMedia("(max-width: 640px)").matches;
  for (const [name, select] of Object.entries(chosen)) if (query.has(name)) select.value = query.get(name);
  if (query.size === 0) {
    if (data.channels.length > 0) chosen.channel.value = String(data.channels[0].id);
    if (isNarrow) {
      chosen.day.value = String(data.today);
      if (data.channels.length > 1) chosen.channel.value = "";
    }
  }
}

function toMorning() {
  const first = Math.min(...data.courses.map((course) => course.start), 8 * 3600);
  grid.scrollTop = (Math.max(0, first - 1800) / 86400) * board.querySelector(".bodies").scrollHeight;
}

async function begin() {
  options(chosen.day, WEEK.map((day) => ({ id: day, name: words.days[day] })), words.whole_week);
  await load().catch(() => {
    disconnected.hidden = false;
  });
  if (data) {
    choices();
    restore();
    choices();
    draw();
    toMorning();
  }
  setTimeout(poll, POLL_MS);
}

begin();
