// How every part makes a DOMException: by the one class of the part "events".
type Make = (message: string, name: string) => Error;

/** A DOMException of that name, for throwing. */
export const domException: Make = (message, name) => {
  const { DOMException } = $kernel.part("events") as { readonly DOMException: new (message: string, name: string) => Error };
  return new DOMException(message, name);
};
