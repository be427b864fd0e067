/**
 * A stream that goes on over broken connections: what was sent and has no answer is sent again on the next one.
 *
 * What is taken from the caller is kept until its outcome is told, and no more of it is taken than answers keep up with.
 * The wallet answers in the order of the operations, so an outcome belongs to the oldest one that has none.
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
  private readonly timeoutMs: number;
  private readonly waiting: Sent[] = [];
  private taking: Promise<Sent | undefined> | undefined;
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
    this.timeoutMs = options.timeoutMs ?? calls.timeoutMs;
  }

  /** Gives each operation with its outcome. Rejects with what the caller's own operations failed with, if they did. */
  async *outcomes(): AsyncGenerator<Outcome, void, undefined> {
    const waits = new Waits(this.timeoutMs);
    let patienceMs = FIRST_PATIENCE_MS;
    try {
      for (;;) {
        const attempt = new Attempt(this.signal, patienceMs);
        let error: WalletError | undefined;
        try {
          for await (const outcome of this.answers(attempt)) {
            waits.begin();
            patienceMs = FIRST_PATIENCE_MS;
            const sent = this.waiting.shift();
            if (sent === undefined) throw unanswered("the wallet answered what was not asked");
            this.room();
            yield outcomeOf(sent, outcome);
          }
        } catch (failed) {
          error = errorOfCall(failed);
        } finally {
          attempt.end();
          this.room();
        }
        if (attempt.silent) patienceMs *= 2;
        if (error === undefined && this.waiting.length > 0) error = unanswered("the stream ended early");
        if (error === undefined) break;
        const again = error.retry === "SAME_REQUEST" && this.signal?.aborted !== true;
        if (!again || !waits.allows(error.retryAfterMs)) throw error;
        await waits.pause(error.retryAfterMs, this.signal);
      }
      if (this.fault !== undefined) throw this.fault.error;
    } finally {
      await this.source.return?.();
    }
  }

  /** Reads the answers of one attempt; one that is silent for too long has failed, and its line is doubted. */
  private async *answers(attempt: Attempt): AsyncGenerator<SessionOutcome, void, undefined> {
    const line = await this.calls.connected();
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
      this.waiting.push(sent);
      attempt.listen();
      yield sent.request;
    }
  }

  /** Takes the next operation of the source; nothing at its end. */
  private async take(): Promise<Sent | undefined> {
    try {
      const next = await this.source.next();
      return next.done === true ? undefined : await this.write(next.value);
    } catch (error) {
      this.fault = { error };
      return undefined;
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
