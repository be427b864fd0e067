/** Waits: how long a client waits before it sends something again, longer each time. */

import { setTimeout as sleep } from "node:timers/promises";

const FIRST_MS = 50;
const LONGEST_MS = 2_000;

/** The pauses of one call, and the time in which it must be answered. */
export class Waits {
  private readonly timeoutMs: number;
  private deadline: number;
  private pauseMs = FIRST_MS;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
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

  /** Whether there is time for a pause of at least this length. */
  allows(atLeastMs: number): boolean {
    return Math.max(this.pauseMs, atLeastMs) <= this.leftMs;
  }

  /** Pauses, with jitter, and not less than the wallet asked for. Rejects if the caller gives up meanwhile. */
  async pause(atLeastMs: number, signal: AbortSignal | undefined): Promise<void> {
    const pauseMs = atLeastMs + this.pauseMs * (0.5 + Math.random() / 2);
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_MS);
    await sleep(pauseMs, undefined, signal === undefined ? {} : { signal });
  }
}
