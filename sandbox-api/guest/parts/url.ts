// Part "url": URL and URLSearchParams by whatwg-url, the standard's own reference in JavaScript. Tables for domain names that are not
// ASCII are a part of their own (tr46-on-demand.ts).
import { URL, URLSearchParams } from "whatwg-url";
import { defineProperty, weakSet } from "./intrinsics.ts";

export { URL, URLSearchParams };

for (const [type, name] of [[URL, "URL"], [URLSearchParams, "URLSearchParams"]] as const) {
  // The bundle is minified, names included.
  defineProperty(type, "name", { __proto__: null, value: name, configurable: true } as PropertyDescriptor);
  weakSet($kernel.interfaces, type.prototype, () => null);
}
