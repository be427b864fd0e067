/** Currencies by their names, as the wallet lists them: asked for once, and again when a name is not among them. */

import type { Client } from "@connectrpc/connect";

import type { CallOptions } from "./calls.js";
import { invalid, WalletError } from "./errors.js";
import type { CurrencyNetwork, WalletService } from "./gen/wallet/v1/wallet_pb.js";
import { optionalTextOf, textOf } from "./values.js";

export class Currencies {
  private readonly wallet: Client<typeof WalletService>;
  private known: readonly CurrencyNetwork[] = [];

  constructor(wallet: Client<typeof WalletService>) {
    this.wallet = wallet;
  }

  /** Gives the currency network's number. */
  async idOf(currency: string, network: string | undefined, options: CallOptions): Promise<number> {
    textOf(currency, "currency");
    optionalTextOf(network, "network");
    let found = this.named(currency, network);
    if (found.length === 0) {
      this.known = (await this.wallet.listCurrencyNetworks({}, options)).currencyNetworks;
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

  private named(currency: string, network: string | undefined): CurrencyNetwork[] {
    return this.known.filter((each) => each.currency === currency && (network ?? each.network) === each.network);
  }
}
