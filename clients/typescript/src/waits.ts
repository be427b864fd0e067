/** Waits: how long a client waits before it sends something again, longer each time. */

import { setTimeout as sleep } from "node:timers/promises";

import { invalid } from "./errors.js";

const TIMEOUT_MAX_MS = 2 ** 31 - 1; // what a timer takes
const FIRST_MS = 50;
const LONGEST_MS = 2_000;

/** Takes a time in which a call must be answered. */
export function timeoutOf(timeoutMs: number): number {
  if (!(timeoutMs > 0 && timeoutMs <= TIMEOUT_MAX_MS)) throw invalid("timeoutMs", `is not above 0, up to ${TIMEOUT_MAX_MS}`);
  return timeoutMs;
}

/** The pauses of one call, and the time in which it must be answered. */
export class Waits {
  private readonly timeoutMs: number;
  private deadline: number;
  private pauseMs = FIRST_MS;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutOf(timeoutMs);
    this.deadline = performance.now() + timeoutMs;
  }

  /** How much time is left, in ms. */
  get leftMs(): number {
    return this.deadline - performance.now();
  }

  /** There was an answer: begin anew. */
  begin(): void {
    this.pauseMs = FIRST_MS;
    this.deadline = performance.now() + this.timeoutMs;
  }

  /** Some time was not the wallet's to answer in. */
  extend(ms: number): void {
    this.deadline += ms;
  }

  /** Whether there is time for the next pause, if the wallet asked for one of at least this length. */
  allows(atLeastMs: number): boolean {
    return this.pauseMs + atLeastMs <= this.leftMs;
  }

  /** Pauses, with jitter, and not less than the wallet asked for. Rejects if the caller gives up meanwhile. */
  async pause(atLeastMs: number, signal: AbortSignal | undefined): Promise<void> {
    const pauseMs = atLeastMs + this.pauseMs * (0.5 + Math.random() / 2);
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_MS);
    await sleep(pauseMs, undefined, signal === undefined ? {} : { signal });
  }
}
