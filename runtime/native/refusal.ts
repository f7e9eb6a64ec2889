// Why an operation is not done, with the name of the DOMException that the addon gets for it. Nothing of this process is in it.
import type { RefusalName } from "../../sandbox-api/schema/crypto.ts";

export class Refusal extends Error {
  override readonly name: RefusalName;

  constructor(name: RefusalName, message: string) {
    super(message);
    this.name = name;
  }
}
