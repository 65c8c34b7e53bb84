// Days in UTC as `YYYY-MM-DD`, which sort as text, and spans of whole days. Reads the clock, and one variable in its place.
import { VisibleError } from "./visible-error.ts";

const DAY_MS = 86_400_000;

export function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** Midnight of a day. */
export function dateOf(day: string): Date {
  return new Date(`${day}T00:00:00Z`);
}

export function addDays(day: string, days: number): string {
  return dayOf(new Date(dateOf(day).getTime() + days * DAY_MS));
}

export function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(dateOf(text).getTime()) && addDays(text, 0) === text;
}

/** `EDGEFLOCK_TODAY=2027-01-01 pulumi preview` shows what will be due then. */
export function today(): string {
  const given = process.env.EDGEFLOCK_TODAY;
  if (given === undefined || given === "") return dayOf(new Date());
  if (isDay(given)) return given;
  throw new VisibleError(`EDGEFLOCK_TODAY is "${given.slice(0, 40)}", which is no day.`, {
    hint: "Write it as 2027-01-31, or leave it unset for today.",
  });
}
