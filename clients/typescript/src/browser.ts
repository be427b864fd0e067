/** What a browser gets: nothing. The key would be everybody's, and a browser must never be able to call win on itself. */

throw new Error("@wallet/sdk-server runs on backends only: the secret key must never reach a browser.");

export {};
