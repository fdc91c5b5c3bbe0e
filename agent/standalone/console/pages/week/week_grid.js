// The timetable's arithmetic: seconds after midnight, days as `week_id` (0 Sunday). It knows no page.

export const DAY = 86400;
export const LAST = DAY - 1; // no lesson ends later than 23:59:59
export const STEP = 300;
export const WEEK = [1, 2, 3, 4, 5, 6, 0];

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const down = (seconds, step) => Math.floor(seconds / step) * step;

/** The nearest multiple of the step. */
export function snap(seconds, step = STEP) {
  return Math.round(seconds / step) * step;
}

export function end(lesson) {
  return lesson.start + lesson.length;
}

/** The lesson at another begin, as long as it was, and whole within its day. */
export function moved(lesson, start, step = STEP) {
  const latest = Math.max(0, LAST - lesson.length);
  return { ...lesson, start: snap(start, step) <= latest ? Math.max(0, snap(start, step)) : down(latest, step) };
}

/** The lesson with another end: a step long at least, until 23:59:59 at most. */
export function resized(lesson, until, step = STEP) {
  const last = clamp(snap(until, step), Math.min(lesson.start + step, LAST), LAST);
  return { ...lesson, length: last - lesson.start };
}

/** What is drawn by a pull over empty time from one second to another. */
export function drawn(from, to, step = STEP) {
  const start = clamp(down(Math.min(from, to), step), 0, down(LAST - step, step));
  const until = clamp(Math.ceil(Math.max(from, to) / step) * step, start + step, LAST);
  return { start, length: until - start };
}

/** The first lesson of the same day and channel that shares a second with this one. */
export function clash(lesson, others) {
  return (
    others.find(
      (other) =>
        other.id !== lesson.id &&
        other.day === lesson.day &&
        other.channel === lesson.channel &&
        lesson.start < end(other) &&
        other.start < end(lesson),
    ) ?? null
  );
}

/** The longest free piece from a second on, at most so long; 0 where it is taken. */
export function free(place, start, most, others) {
  const same = others.filter((other) => other.day === place.day && other.channel === place.channel);
  if (same.some((other) => other.start <= start && start < end(other))) return 0;
  return Math.min(most, LAST - start, ...same.filter((other) => other.start > start).map((other) => other.start - start));
}

/** `HH:MM`, and `HH:MM:SS` where there are seconds or they are asked for. */
export function clock(seconds, whole = false) {
  const parts = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  if (!whole && parts[2] === 0) parts.pop();
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/** Seconds of `H:MM` or `HH:MM:SS`; null when it is none. */
export function seconds(text) {
  const match = /^\s*([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?\s*$/.exec(text);
  return match ? Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3] ?? 0) : null;
}

/** The columns of a grid: each day with each channel, in the order of the week. */
export function columns(days, channels) {
  return WEEK.filter((day) => days.includes(day)).flatMap((day) => channels.map((channel) => ({ day, channel })));
}

/** Whether two lessons are at the same place. */
export function same(a, b) {
  return ["channel", "day", "start", "length", "subject", "teacher"].every((name) => a[name] === b[name]);
}

/** Whether a lesson that is being recorded goes on when it becomes this: same channel, today, and now in it. */
export function goesOn(before, after, today, now) {
  return (
    after !== null &&
    after.channel === before.channel &&
    after.day === today &&
    after.start <= now &&
    now < end(after)
  );
}
