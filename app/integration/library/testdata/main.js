// Runs the claims of one suite against a gateway, one after the other, and prints a line of JSON for each:
// {"claim": "...", "error": null or what went wrong}.
//
//   node main.js SUITE
//
// The gateway is that of the environment: BASE_URL, ACCOUNT_SID, AUTH_TOKEN. A suite is a module that exports an array of
// {claim, check}; check gets the library's client, what the claims of the suite share, and the environment.
"use strict";

const twilio = require("twilio");
const RequestClient = require("twilio/lib/base/RequestClient").default ?? require("twilio/lib/base/RequestClient");

// The library's own HTTP client, but for the address: what it sends to https://preview.twilio.com and
// https://sync.twilio.com goes to the gateway. Links that the gateway gave out are left as they are.
class AtAnotherAddress extends RequestClient {
  constructor(base) {
    super();
    this.base = new URL(base);
  }

  request(options) {
    const uri = new URL(options.uri);
    if (uri.hostname.endsWith(".twilio.com")) {
      uri.protocol = this.base.protocol;
      uri.host = this.base.host;
    } else if (uri.host !== this.base.host) {
      throw new Error(`a link leads to another host: ${options.uri}`);
    }
    return super.request({ ...options, uri: uri.href });
  }
}

async function main() {
  const { BASE_URL, ACCOUNT_SID, AUTH_TOKEN } = process.env;
  const client = twilio(ACCOUNT_SID, AUTH_TOKEN, { httpClient: new AtAnotherAddress(BASE_URL) });
  const shared = {};
  for (const { claim, check } of require(`./${process.argv[2]}.js`)) {
    let error = null;
    try {
      await check(client, shared, process.env);
    } catch (e) {
      error = e.stack ?? String(e);
    }
    console.log(JSON.stringify({ claim, error }));
  }
}

main();
