// Dragging in the timetable, by mouse, pen and finger: which lesson, from where to where. A finger scrolls unless it rests
// first; Escape takes everything back; with Ctrl or Alt a copy is dragged.

const THRESHOLD_PX = 4;
const REST_MS = 350;
const EDGE_PX = 36;
const EDGE_STEP_PX = 14;
const HEADS_PX = 40;
const GRIP_PX = 8;

export class Pull {
  #grid;
  #board;
  #rules;
  #pull = null;
  #clickTaken = false;

  constructor(grid, board, rules) {
    this.#grid = grid;
    this.#board = board;
    this.#rules = rules;
    grid.addEventListener("pointerdown", (event) => this.#down(event));
    addEventListener("pointermove", (event) => this.#move(event));
    addEventListener("pointerup", (event) => this.#up(event));
    addEventListener("pointercancel", (event) => event.pointerId === this.#pull?.pointer && this.#cancel());
    addEventListener("keydown", (event) => event.key === "Escape" && this.#cancel());
    grid.addEventListener("contextmenu", (event) => this.#pull && event.preventDefault());
  }

  /** Whether something is being dragged. */
  get isOn() {
    return this.#pull !== null && this.#pull.isOn;
  }

  /** Whether the click that comes after a drag belongs to it; asked once. */
  tookClick() {
    const taken = this.#clickTaken;
    this.#clickTaken = false;
    return taken;
  }

  #down(event) {
    this.#clickTaken = false;
    if (event.button !== 0 || this.#pull || !this.#rules.begin()) return;
    const at = this.#place(event.clientX, event.clientY);
    if (!at || !event.target.closest(".column")) return;
    const button = event.target.closest(".block");
    const lesson = button ? this.#rules.lesson(Number(button.dataset.id)) : null;
    if (button && !lesson) return;
    this.#pull = {
      pointer: event.pointerId,
      lesson,
      kind: !lesson ? "new" : this.#isEnd(button, event) ? "end" : "move",
      from: at,
      x: event.clientX,
      y: event.clientY,
      isOn: false,
      last: null,
      rest: 0,
    };
    if (event.pointerType === "touch") {
      this.#pull.rest = setTimeout(() => this.#begin(at), REST_MS);
      // A touch stays with the element where it began, also when that has been drawn anew and is in no page any more.
      event.target.addEventListener("touchmove", (move) => this.isOn && move.cancelable && move.preventDefault(), { passive: false });
    } else if (!lesson) {
      event.preventDefault(); // no text is selected
    }
  }

  /** Whether a block is held at its lower edge; of a short one that is less. */
  #isEnd(button, event) {
    const box = button.getBoundingClientRect();
    const edge = event.pointerType === "touch" ? GRIP_PX * 2 : GRIP_PX;
    return box.bottom - event.clientY < Math.min(edge, box.height / 3);
  }

  #begin(at) {
    const pull = this.#pull;
    pull.rest = 0;
    pull.isOn = true;
    document.documentElement.classList.add("pulling");
    this.#show(at);
  }

  #move(event) {
    const pull = this.#pull;
    if (!pull || event.pointerId !== pull.pointer) return;
    const far = Math.hypot(event.clientX - pull.x, event.clientY - pull.y) > THRESHOLD_PX;
    if (!pull.isOn) {
      if (pull.rest && far) this.#cancel(); // the finger scrolls
      if (pull.rest || !far) return;
      this.#begin(pull.from);
    }
    this.#scroll(event.clientY);
    const at = this.#place(event.clientX, event.clientY);
    if (at) this.#show(at, event.ctrlKey || event.altKey);
  }

  #show(at, isCopy = false) {
    const pull = this.#pull;
    pull.isCopy = isCopy;
    const by = at.second - pull.from.second;
    let lesson;
    if (pull.kind === "new") lesson = this.#rules.fresh(pull.from.column, pull.from.second, at.second);
    else if (pull.kind === "end") lesson = this.#rules.resized(pull.lesson, pull.lesson.start + pull.lesson.length + by);
    else lesson = { ...this.#rules.moved(pull.lesson, pull.lesson.start + by), ...at.column };
    if (isCopy) lesson = { ...lesson, id: null };
    if (JSON.stringify(lesson) === JSON.stringify(pull.last)) return;
    pull.last = lesson;
    this.#rules.show(lesson);
  }

  #up(event) {
    const pull = this.#pull;
    if (!pull || event.pointerId !== pull.pointer) return;
    const at = this.#place(event.clientX, event.clientY);
    if (pull.isOn && at) this.#show(at, event.ctrlKey || event.altKey); // the last move may not have been told
    this.#end();
    if (!pull.isOn) return;
    this.#clickTaken = true;
    setTimeout(() => (this.#clickTaken = false), 0); // a drop elsewhere brings no click
    this.#rules.drop(pull.lesson, pull.last, Boolean(pull.isCopy));
  }

  #cancel() {
    const was = this.#pull;
    this.#end();
    if (was?.isOn) this.#rules.cancel();
  }

  #end() {
    clearTimeout(this.#pull?.rest);
    this.#pull = null;
    document.documentElement.classList.remove("pulling");
  }

  #scroll(y) {
    const box = this.#grid.getBoundingClientRect();
    const { y: from } = this.#pull; // what begins near an edge does not scroll as long as it goes away from it
    if (y > from && y > box.bottom - EDGE_PX) this.#grid.scrollTop += EDGE_STEP_PX;
    else if (y < from && y < box.top + EDGE_PX + HEADS_PX) this.#grid.scrollTop -= EDGE_STEP_PX;
  }

  /** Column and second under a point; the nearest column where it is beside all of them. */
  #place(x, y) {
    const all = [...this.#board.querySelectorAll(".column")];
    if (all.length === 0) return null;
    const boxes = all.map((column) => column.getBoundingClientRect());
    const gap = (box) => Math.max(box.left - x, x - box.right, 0);
    const nearest = boxes.reduce((best, box, index) => (gap(box) < gap(boxes[best]) ? index : best), 0);
    const box = boxes[nearest];
    const second = Math.round(((y - box.top) / box.height) * 86400);
    const { day, channel } = all[nearest].dataset;
    return { column: { day: Number(day), channel: Number(channel) }, second: Math.min(Math.max(second, 0), 86399) };
  }
}
