// The form of a lesson, with exact times.

import { clock, end, seconds, WEEK } from "./week_grid.js";

export class Dialog {
  #form;
  #dialog;
  #words;

  constructor(dialog, words) {
    this.#dialog = dialog;
    this.#form = dialog.querySelector("form");
    this.#words = words;
  }

  get isOpen() {
    return this.#dialog.open;
  }

  /** Ask for a lesson. `check(lesson, isCopy)` says what is wrong with it. Returns what is wanted, or null. */
  open(lesson, data, { isNew, isOn }, check) {
    const form = this.#form;
    const field = form.elements;
    const list = (select, items, value) => {
      select.replaceChildren(...items.map((one) => new Option(one.name, one.id, false, one.id === value)));
    };
    this.#dialog.querySelector("h2").textContent = isNew ? this.#words.new_lesson : this.#words.edit_lesson;
    list(field.channel, data.channels, lesson.channel);
    list(field.day, WEEK.map((day) => ({ id: day, name: this.#words.days[day] })), lesson.day);
    list(field.subject, data.subjects, lesson.subject);
    list(field.teacher, data.teachers, lesson.teacher);
    field.start.value = clock(lesson.start, true);
    field.until.value = clock(end(lesson), true);
    this.#dialog.querySelector(".on-air").hidden = !isOn;
    for (const button of form.querySelectorAll(".of-old")) button.hidden = isNew;
    const error = form.querySelector(".wrong");
    error.textContent = "";

    const read = () => {
      const start = seconds(field.start.value);
      const until = seconds(field.until.value);
      return {
        id: lesson.id,
        channel: Number(field.channel.value),
        day: Number(field.day.value),
        subject: Number(field.subject.value),
        teacher: Number(field.teacher.value),
        start,
        until,
        length: until - start,
      };
    };
    return new Promise((resolve) => {
      let wish = null;
      const submit = (event) => {
        event.preventDefault();
        const kind = event.submitter?.value ?? "save";
        const found = read();
        const wrong = kind === "delete" ? "" : check(found, kind === "copy");
        error.textContent = wrong;
        if (wrong) return;
        delete found.until;
        wish = { lesson: found, isCopy: kind === "copy", isDelete: kind === "delete" };
        this.#dialog.close();
      };
      form.addEventListener("submit", submit);
      form.querySelector(".cancel").onclick = () => this.#dialog.close();
      this.#dialog.addEventListener(
        "close",
        () => {
          form.removeEventListener("submit", submit);
          resolve(wish);
        },
        { once: true },
      );
      this.#dialog.showModal();
      field.start.focus();
    });
  }
}
