/**
 * Types of node-forge's ASN.1 part, imported alone: the whole library takes 50 ms and more to load, this part takes 6.
 * It declares nothing of its own; the types are those that @types/node-forge gives the same object.
 */
declare module "node-forge/lib/asn1.js" {
  import forge from "node-forge";
  const asn1: typeof forge.asn1;
  export default asn1;
}
