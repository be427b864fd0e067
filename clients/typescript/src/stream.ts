/**
 * A stream that goes on over broken connections: what was sent and has no answer is sent again on the next one.
 *
 * What is taken from the caller is kept until its outcome is told, and no more of it is taken than answers keep up with.
 * The wallet answers in the order of the operations, so an outcome belongs to the oldest one that has none. Once the
 * caller's own operations end, by themselves or by a failure, the stream is half-closed and read to its end.
 */

import type { CallOptions, Calls } from "./calls.js";
import { FIRST_PATIENCE_MS } from "./calls.js";
import type { WalletError } from "./errors.js";
import { errorOfCall, unanswered } from "./errors.js";
import type { SessionOutcome } from "./gen/wallet/v1/session_pb.js";
import { LedgerSessionService } from "./gen/wallet/v1/session_pb.js";
import type { Operation, Outcome, Sent } from "./operations.js";
import { outcomeOf } from "./operations.js";
import { Waits } from "./waits.js";

const UNANSWERED_MAX = 500;

export class Stream {
  private readonly calls: Calls;
  private readonly write: (operation: Operation) => Promise<Sent>;
  private readonly source: AsyncIterator<Operation> | Iterator<Operation>;
  private readonly signal: AbortSignal | undefined;
  /** Its time runs while the wallet owes an answer, or takes no stream; not while its reader keeps an outcome. */
  private readonly waits: Waits;
  private readonly waiting: Sent[] = [];
  private taking: Promise<Sent | undefined> | undefined;
  /** Whether the source is asked for its next operation, and has not said yet. */
  private asking = false;
  private exhausted = false;
  private fault: { readonly error: unknown } | undefined;
  private room: () => void = () => undefined;

  constructor(
    calls: Calls,
    write: (operation: Operation) => Promise<Sent>,
    operations: AsyncIterable<Operation> | Iterable<Operation>,
    options: CallOptions,
  ) {
    this.calls = calls;
    this.write = write;
    this.source =
      Symbol.asyncIterator in operations ? operations[Symbol.asyncIterator]() : operations[Symbol.iterator]();
    this.signal = options.signal;
    this.waits = new Waits(options.timeoutMs ?? calls.timeoutMs);
  }

  /** Gives each operation with its outcome. Rejects with what the caller's own operations failed with, if they did. */
  async *outcomes(): AsyncGenerator<Outcome, void, undefined> {
    let patienceMs = FIRST_PATIENCE_MS;
    try {
      for (;;) {
        const leftMs = this.waiting.length === 0 ? patienceMs : Math.max(1, this.waits.leftMs);
        const attempt = new Attempt(this.signal, Math.min(patienceMs, leftMs));
        let error: WalletError | undefined;
        try {
          for await (const outcome of this.answers(attempt)) {
            patienceMs = FIRST_PATIENCE_MS;
            const sent = this.waiting.shift();
            if (sent === undefined) throw unanswered("the wallet answered what was not asked");
            this.room();
            yield outcomeOf(sent, outcome);
            this.waits.begin();
          }
        } catch (failed) {
          error = errorOfCall(failed);
        } finally {
          attempt.end();
          this.room();
        }
        if (attempt.silent) patienceMs *= 2;
        const ended = this.waiting.length === 0 && (this.exhausted || this.fault !== undefined);
        if (ended && error?.retry !== "NEVER" && error?.retry !== "AFTER_CHANGE") break;
        if (this.waiting.length === 0 && attempt.stoodMs > FIRST_PATIENCE_MS) this.waits.begin(); // it was good while it stood
        await this.pause(error ?? unanswered("the stream ended early"));
      }
      if (this.fault !== undefined) throw this.fault.error;
    } finally {
      await this.leave();
    }
  }

  /** Pauses before the next attempt, if there may be one; rejects with why the last one failed otherwise. */
  private async pause(error: WalletError): Promise<void> {
    const told = this.fault === undefined ? error : error.withCause(this.fault.error);
    const again = error.retry === "SAME_REQUEST" && this.signal?.aborted !== true && !this.calls.isClosed;
    if (!again || !this.waits.allows(error.retryAfterMs)) throw told;
    try {
      await this.waits.pause(error.retryAfterMs, this.signal);
    } catch {
      throw told; // the caller gave it up
    }
  }

  /**
   * Tells the source that no more is taken of it. A generator that is still asked for an operation hears that only after
   * it has given one, which may be never: nobody waits for that.
   */
  private async leave(): Promise<void> {
    if (this.exhausted) return;
    const left = Promise.resolve(this.source.return?.());
    if (this.asking) left.catch(() => undefined);
    else await left;
  }

  /** Reads the answers of one attempt; one that is silent for too long has failed, and its line is doubted. */
  private async *answers(attempt: Attempt): AsyncGenerator<SessionOutcome, void, undefined> {
    const line = await this.calls.connected();
    attempt.stands();
    const method = LedgerSessionService.method.execute;
    const waiting = () => this.waiting.length > 0;
    try {
      const opening = this.calls.streamOn(line, method, attempt.signal, undefined, undefined, this.requests(attempt));
      const answers = (await attempt.heard(opening, waiting())).message[Symbol.asyncIterator]();
      for (;;) {
        const next = await attempt.heard(answers.next(), waiting());
        if (next.done === true) return;
        yield next.value;
      }
    } catch (failed) {
      if (attempt.silent) this.calls.doubt(line);
      throw failed;
    }
  }

  /** Writes what has no answer yet, then goes on with the source; takes no further than answers keep up. */
  private async *requests(attempt: Attempt): AsyncGenerator<Sent["request"], void, undefined> {
    for (const sent of [...this.waiting]) yield sent.request;
    for (;;) {
      while (this.waiting.length >= UNANSWERED_MAX && !attempt.over) {
        await new Promise<void>((resolve) => (this.room = resolve));
      }
      if (attempt.over) return;
      this.taking ??= this.take();
      const sent = await this.taking;
      if (attempt.over || sent === undefined) return; // the next attempt finds it in `taking`
      this.taking = undefined;
      if (this.waiting.length === 0) this.waits.begin();
      this.waiting.push(sent);
      attempt.listen();
      yield sent.request;
    }
  }

  /** Takes the next operation of the source; nothing at its end. */
  private async take(): Promise<Sent | undefined> {
    try {
      const next = await this.asked();
      this.exhausted = next.done === true;
      return next.done === true ? undefined : await this.write(next.value);
    } catch (error) {
      this.fault = { error };
      return undefined;
    }
  }

  private async asked(): Promise<IteratorResult<Operation, unknown>> {
    const begun = performance.now();
    this.asking = true;
    try {
      const asked = this.source.next();
      this.waits.extend(performance.now() - begun); // a source that blocks lets nobody read answers
      return await asked;
    } finally {
      this.asking = false;
    }
  }
}

/** One opening of the stream. */
class Attempt {
  /** Whether it was given up because nothing came back. */
  silent = false;
  over = false;
  private readonly controller = new AbortController();
  private readonly caller: AbortSignal | undefined;
  private readonly patienceMs: number;
  private readonly giveUp = () => {
    this.controller.abort();
  };
  private hearing = false;
  private stoodSinceMs = Number.POSITIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;

  constructor(caller: AbortSignal | undefined, patienceMs: number) {
    this.caller = caller;
    this.patienceMs = patienceMs;
    if (caller?.aborted === true) this.giveUp();
    caller?.addEventListener("abort", this.giveUp);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The connection is there. */
  stands(): void {
    this.stoodSinceMs = performance.now();
  }

  /** How long it has stood, in ms; below 0 if it never did. */
  get stoodMs(): number {
    return performance.now() - this.stoodSinceMs;
  }

  /** Waits for the other side; not for ever if it owes an answer. */
  async heard<T>(answer: Promise<T>, owed: boolean): Promise<T> {
    this.hearing = true;
    if (owed) this.listen();
    try {
      return await answer;
    } catch (failed) {
      throw this.silent ? unanswered("the stream has no answers", failed) : failed;
    } finally {
      this.hearing = false;
      clearTimeout(this.timer);
      this.timer = undefined;
    }
  }

  /** From now on the other side owes an answer. */
  listen(): void {
    if (!this.hearing || this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.silent = true;
      this.giveUp();
    }, this.patienceMs);
  }

  end(): void {
    this.over = true;
    this.giveUp();
    this.caller?.removeEventListener("abort", this.giveUp);
  }
}
