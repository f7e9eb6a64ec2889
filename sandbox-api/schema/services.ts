// What an addon can be granted beyond flows: storage and fetch, as the guest is told of it, and the forms that their questions and
// answers take on the wire. Shapes and numbers only; grants are made in the host, and checked there again for every call.

/** Services that one instance was granted, with the bounds that the guest needs to refuse what cannot be sent. */
export interface ServiceGrants {
  readonly storage: { readonly keyBytes: number; readonly valueBytes: number } | null;
  readonly fetch: { readonly requestBytes: number } | null;
}

/** LIMIT: keys that one `list` gives, and how many it gives when it is not told. */
export const mostListedKeys = 1_000;
export const defaultListedKeys = 100;

export const redirectModes = ["follow", "manual", "error"] as const;
export type RedirectMode = (typeof redirectModes)[number];

/** LIMIT: of one fetch: fields of its request, characters of all of them, characters of its URL. */
export const mostFetchFields = 100;
export const mostFetchFieldChars = 65_536;
export const longestFetchUrl = 8_192;

/** What a fetch came to; header values have one char per byte. */
export interface FetchedText {
  readonly status: number;
  readonly statusText: string;
  /** After redirects. */
  readonly url: string;
  readonly redirected: boolean;
  readonly headers: readonly (readonly [name: string, value: string])[];
}
