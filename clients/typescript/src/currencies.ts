/**
 * Currencies by their names, as the wallet lists them: asked for once a minute, and when a name is not among them. None
 * changes, but another one may make a name ambiguous.
 */

import type { Client } from "@connectrpc/connect";

import type { CallOptions } from "./calls.js";
import { invalid, WalletError } from "./errors.js";
import type { CurrencyNetwork, WalletService } from "./gen/wallet/v1/wallet_pb.js";
import { optionalTextOf, textOf } from "./values.js";

const KNOWN_FOR_MS = 60_000;

export class Currencies {
  private readonly wallet: Client<typeof WalletService>;
  private known: readonly CurrencyNetwork[] = [];
  private knownUntil = -Infinity;

  constructor(wallet: Client<typeof WalletService>) {
    this.wallet = wallet;
  }

  /** Gives the currency network's number. */
  async idOf(currency: string, network: string | undefined, options: CallOptions): Promise<number> {
    textOf(currency, "currency");
    optionalTextOf(network, "network");
    let found = this.named(currency, network);
    if (found.length === 0 || performance.now() >= this.knownUntil) {
      await this.learn(options);
      found = this.named(currency, network);
    }
    const [one, another] = found;
    if (one === undefined) {
      throw new WalletError({
        reason: "UNKNOWN_CURRENCY_NETWORK",
        message: `the wallet has no ${currency}${network === undefined ? "" : ` on ${network}`}`,
        retry: "AFTER_CHANGE",
        status: "INVALID_ARGUMENT",
        field: "currency",
      });
    }
    if (another !== undefined) {
      const networks = found.map((each) => each.network).join(", ");
      throw invalid("network", `is required: ${currency} is on ${networks}`, "MISSING_FIELD");
    }
    return one.currencyNetworkId;
  }

  /** Asks the wallet; meanwhile others go on with what is known. */
  private async learn(options: CallOptions): Promise<void> {
    const before = this.knownUntil;
    this.knownUntil = performance.now() + KNOWN_FOR_MS;
    try {
      this.known = (await this.wallet.listCurrencyNetworks({}, options)).currencyNetworks;
    } catch (error) {
      this.knownUntil = before;
      throw error;
    }
  }

  private named(currency: string, network: string | undefined): CurrencyNetwork[] {
    return this.known.filter((each) => each.currency === currency && (network ?? each.network) === each.network);
  }
}
