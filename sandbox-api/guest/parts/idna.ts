// Part "idna": tr46, UTS #46 with its tables, for domain names that are not plain ASCII. Reached by the part "url" only
// (there, the name tr46 means the other file; schema/own-builds.ts).
export { toASCII, toUnicode } from "tr46-tables";
