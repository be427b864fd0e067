/** Values: what a caller gives is checked before it is sent, and what comes back is read. */

import { invalid } from "./errors.js";

const AMOUNT_MAX = 10n ** 38n - 1n;
const INT64_MAX = 2n ** 63n - 1n;
const INT32_MAX = 2 ** 31 - 1;

/** Writes an amount. Only a bigint is one: a number may have been rounded before anybody could see it. */
export function digitsOf(amount: bigint, field: string): string {
  if (typeof amount !== "bigint") throw invalid(field, "is no bigint of minor units", "INVALID_AMOUNT");
  if (amount < 0n || amount > AMOUNT_MAX) throw invalid(field, "is not from 0 to 38 digits", "INVALID_AMOUNT");
  return amount.toString();
}

/** Reads a player's number. */
export function playerIdOf(userId: bigint | number | string, field: string): bigint {
  const whole = typeof userId === "string" ? /^[1-9]\d{0,18}$/.test(userId) : typeof userId === "bigint" || Number.isSafeInteger(userId);
  const id = whole ? BigInt(userId) : 0n;
  if (id < 1n || id > INT64_MAX) throw invalid(field, `is no whole number from 1 to ${INT64_MAX}`);
  return id;
}

/** Takes a text that must be there. */
export function textOf(text: string | undefined, field: string): string {
  if (text === undefined || text === "") throw invalid(field, "is required", "MISSING_FIELD");
  if (typeof text !== "string") throw invalid(field, "is no string");
  return text;
}

/** Takes a text that need not be there. */
export function optionalTextOf(text: string | undefined, field: string): string {
  return text === undefined ? "" : textOf(text, field);
}

/** Takes true or false; false if it is not given. */
export function flagOf(flag: boolean | undefined, field: string): boolean {
  if (flag !== undefined && typeof flag !== "boolean") throw invalid(field, "is neither true nor false");
  return flag ?? false;
}

/** Takes a number of seconds, which the wallet bounds; 0 if it is not given. */
export function secondsOf(seconds: number | undefined, field: string): number {
  if (seconds === undefined) return 0;
  if (!Number.isInteger(seconds) || Math.abs(seconds) > INT32_MAX) throw invalid(field, "is no whole number of seconds");
  return seconds;
}

/** Takes a caller's notes. */
export function notesOf(notes: Readonly<Record<string, string>> | undefined, field: string): Record<string, string> {
  const given = { ...notes };
  if (Object.values(given).some((note) => typeof note !== "string")) throw invalid(field, "has a value that is no string");
  return given;
}
