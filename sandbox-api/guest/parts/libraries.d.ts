// Types of libraries that bring none, as far as the parts use them, and of what surrounds a part's script.
declare const $kernel: import("../kernel.ts").Kernel;

declare module "whatwg-url" {
  /** Made by webidl2js: interface objects as the standard describes them. */
  export const URL: new (url: string, base?: string) => object;
  export const URLSearchParams: new (init?: unknown) => object;
}
declare module "whatwg-url/lib/infra.js" {
  /** The object that the library itself calls by. */
  const infra: { isASCIIString: (domain: string) => boolean };
  export default infra;
}
declare module "tr46" {
  export interface Tr46Options {
    readonly checkBidi?: boolean; readonly checkHyphens?: boolean; readonly checkJoiners?: boolean; readonly ignoreInvalidPunycode?: boolean;
    readonly transitionalProcessing?: boolean; readonly useSTD3ASCIIRules?: boolean; readonly verifyDNSLength?: boolean;
  }
  /** null: not a domain. */
  export function toASCII(domain: string, options?: Tr46Options): string | null;
  export function toUnicode(domain: string, options?: Tr46Options): { readonly domain: string; readonly error: boolean };
}
declare module "tr46-tables" {
  export { toASCII, toUnicode } from "tr46";
}
