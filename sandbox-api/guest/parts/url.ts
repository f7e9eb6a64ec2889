// Part "url": URL and URLSearchParams by whatwg-url, the standard's own reference in JavaScript. Tables for domain names that are not
// ASCII are a part of their own (tr46-on-demand.ts).
import { URL, URLSearchParams } from "whatwg-url";
import infra from "whatwg-url/lib/infra.js";
import { defineProperty, exec, weakSet } from "./intrinsics.ts";

export { URL, URLSearchParams };

for (const [type, name] of [[URL, "URL"], [URLSearchParams, "URLSearchParams"]] as const) {
  // The bundle is minified, names included.
  defineProperty(type, "name", { __proto__: null, value: name, configurable: true } as PropertyDescriptor);
  weakSet($kernel.interfaces, type.prototype, () => null);
}

const needsToASCII = /[^\0-\x7f]|(?:^|\.)xn--/i;
// The library lets every ASCII domain pass unread, as the standard has it since 2026; the tests that we measure by check what is
// Punycode. It asks this, of domains only, before it goes on to tr46 (decision 0019).
infra.isASCIIString = (domain) => exec(needsToASCII, domain) === null;
