/**
 * Lines: the connections to the wallet, each kept alive by pings, and replaced when what was sent on it has no answer.
 *
 * A connection whose other end is gone, or whose packets are swallowed, looks as it did before until pings or the
 * kernel find out. So a line on which a call stayed without an answer takes no new calls: those go out on a new
 * connection, while what is under way on the old one may still end there.
 */

import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import type { SecureClientSessionOptions } from "node:http2";

import { closed, unanswered } from "./errors.js";

const PING_INTERVAL_MS = 15_000; // the wallet takes one each 10 s
const PING_TIMEOUT_MS = 3_000;
const IDLE_MS = 60_000;
const CONNECTED_WITHIN_MS = 3_000;
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;
const DOUBTED_MAX = 8;

/** TLS, as Node's `tls.connect` has it: `ca`, and for mutual TLS `cert` and `key`. */
export type TlsOptions = Pick<SecureClientSessionOptions, "ca" | "cert" | "key" | "servername" | "passphrase">;

/** One connection, and the calls over it. */
export class Line {
  readonly transport: Transport;
  private readonly manager: Http2SessionManager;

  constructor(baseUrl: string, tls: TlsOptions) {
    const pings = {
      pingIntervalMs: PING_INTERVAL_MS,
      pingTimeoutMs: PING_TIMEOUT_MS,
      idleConnectionTimeoutMs: IDLE_MS,
    };
    this.manager = new Http2SessionManager(baseUrl, pings, tls);
    const bounds = { readMaxBytes: MESSAGE_BYTES_MAX, writeMaxBytes: MESSAGE_BYTES_MAX };
    this.transport = createGrpcTransport({ baseUrl, sessionManager: this.manager, ...bounds });
  }

  /** Connects, unless it is connected; what has no deadline of its own must not wait for it for ever. */
  async connected(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(resolve, CONNECTED_WITHIN_MS, "late");
    });
    const state = await Promise.race([this.manager.connect(), late]);
    clearTimeout(timer);
    if (state === "late") throw unanswered("the wallet does not take the connection");
    if (state === "error") throw unanswered("no connection to the wallet", this.manager.error());
  }

  hangUp(): void {
    this.manager.abort();
  }
}

/** The lines to one address, used in turns. */
export class Lines {
  private readonly open: () => Line;
  private readonly lines: Line[]; // the next one to be used first
  private readonly doubted: Line[] = [];
  private over = false;

  constructor(baseUrl: string, count: number, tls: TlsOptions) {
    this.open = () => new Line(baseUrl, tls);
    this.lines = Array.from({ length: count }, this.open);
  }

  get isClosed(): boolean {
    return this.over;
  }

  next(): Line {
    if (this.over) throw closed();
    const line = this.lines.shift() ?? this.open();
    this.lines.push(line);
    return line;
  }

  /** A call on this line had no answer: another connection takes its place. */
  doubt(line: Line): void {
    const place = this.lines.indexOf(line);
    if (place < 0 || this.over) return;
    this.lines.splice(place, 1, this.open());
    this.doubted.push(line);
    if (this.doubted.length > DOUBTED_MAX) this.doubted.shift()?.hangUp();
  }

  close(): void {
    this.over = true;
    for (const line of [...this.lines, ...this.doubted]) line.hangUp();
  }
}
