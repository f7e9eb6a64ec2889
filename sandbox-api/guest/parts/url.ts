// Part "url": URL and URLSearchParams by whatwg-url, the standard's own reference in JavaScript. Tables for domain names that are not
// ASCII are a part of their own (tr46-on-demand.ts).
export { URL, URLSearchParams } from "whatwg-url";
