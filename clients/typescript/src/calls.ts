/**
 * Calls: every call of the wallet's services, under one key, with a deadline, sent again where that is safe.
 *
 * The wallet knows a mutation by its own id, so that it moves money once however often it is sent. What the table of
 * errors calls SAME_REQUEST, and what had no answer, goes out again as it was, after a growing pause with jitter, and
 * not before the server's own delay has passed. One attempt has a part of the whole time only, twice as much after each
 * that had no answer: what a broken connection swallowed is sent again on another one.
 */

import type { DescMessage, DescMethodStreaming, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";
import type { ContextValues, StreamResponse, Transport, UnaryResponse } from "@connectrpc/connect";

import type { WalletError } from "./errors.js";
import { errorOfCall, invalid } from "./errors.js";
import type { Line, Lines } from "./lines.js";
import { Waits } from "./waits.js";

/** How long the first attempt waits for its answer; each further one twice as long. A batch has half of its time. */
export const FIRST_PATIENCE_MS = 2_000;

/** What may be said of one call. */
export interface CallOptions {
  /** How long it may take in all, in ms, what is sent again included. */
  readonly timeoutMs?: number;
  /** Gives it up: what it asked for may have been applied. */
  readonly signal?: AbortSignal;
}

/** A transport for any client that Connect makes of the wallet's services. */
export class Calls implements Transport {
  readonly timeoutMs: number;
  private readonly lines: Lines;
  private readonly key: string;

  constructor(lines: Lines, key: string, timeoutMs: number) {
    this.lines = lines;
    this.key = key;
    this.timeoutMs = timeoutMs;
  }

  get isClosed(): boolean {
    return this.lines.isClosed;
  }

  /** Makes a call; rejects with a {@link WalletError}. */
  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeadersInit | undefined,
    input: MessageInitShape<I>,
    contextValues?: ContextValues,
  ): Promise<UnaryResponse<I, O>> {
    const waits = new Waits(timeoutMs ?? this.timeoutMs);
    const headers = this.headers(header);
    for (let patienceMs = method.name === "ExecuteBatch" ? waits.leftMs / 2 : FIRST_PATIENCE_MS; ; ) {
      const line = this.lines.next();
      const attemptMs = Math.max(1, Math.floor(Math.min(patienceMs, waits.leftMs))); // the header takes whole ones
      let error: WalletError;
      try {
        return await line.transport.unary(method, signal, attemptMs, headers, input, contextValues);
      } catch (failed) {
        error = errorOfCall(failed).withTransactionId(idOf(input));
      }
      if (error.reason === "DEADLINE_EXCEEDED") {
        this.lines.doubt(line);
        patienceMs *= 2;
      }
      if (error.status === "INTERNAL") checkShape(method.input, input);
      const again = error.retry === "SAME_REQUEST" && signal?.aborted !== true && !this.lines.isClosed;
      if (!again || !waits.allows(error.retryAfterMs)) throw error;
      try {
        await waits.pause(error.retryAfterMs, signal);
      } catch {
        throw error; // the caller gave it up
      }
      if (this.lines.isClosed) throw error;
    }
  }

  /** Opens a stream, which is not sent again by itself; rejects with a {@link WalletError}, and so does its end. */
  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeadersInit | undefined,
    input: AsyncIterable<MessageInitShape<I>>,
    contextValues?: ContextValues,
  ): Promise<StreamResponse<I, O>> {
    return this.streamOn(await this.connected(), method, signal, timeoutMs, header, input, contextValues);
  }

  /** Gives a line that is connected. */
  async connected(): Promise<Line> {
    const line = this.lines.next();
    try {
      await line.connected();
    } catch (failed) {
      this.lines.doubt(line);
      throw failed;
    }
    return line;
  }

  doubt(line: Line): void {
    this.lines.doubt(line);
  }

  async streamOn<I extends DescMessage, O extends DescMessage>(
    line: Line,
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeadersInit | undefined,
    input: AsyncIterable<MessageInitShape<I>>,
    contextValues?: ContextValues,
  ): Promise<StreamResponse<I, O>> {
    const headers = this.headers(header);
    try {
      const response = await line.transport.stream(method, signal, timeoutMs, headers, input, contextValues);
      return { ...response, message: withWalletErrors(response.message) };
    } catch (failed) {
      throw errorOfCall(failed);
    }
  }

  private headers(given: HeadersInit | undefined): Headers {
    const headers = new Headers(given);
    headers.set("authorization", `Bearer ${this.key}`);
    return headers;
  }
}

async function* withWalletErrors<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (failed) {
    throw errorOfCall(failed);
  }
}

/** The id that a request goes out with; empty if it has none. */
function idOf(input: object): string {
  const { transactionId } = input as { readonly transactionId?: unknown };
  return typeof transactionId === "string" ? transactionId : "";
}

/** What cannot be written as its message is the caller's fault, which would be there again: tell it as such. */
function checkShape<I extends DescMessage>(schema: I, input: MessageInitShape<I>): void {
  try {
    toBinary(schema, create(schema, input));
  } catch (failed) {
    throw invalid("request", failed instanceof Error ? failed.message : String(failed));
  }
}
