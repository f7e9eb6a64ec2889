// What map-local serves: put files into `files/`, import them here, and give each a name. Text, pictures, fonts and JSON can be imported.
import hello from "./files/hello.html";
import style from "./files/style.css";

export const files: { readonly [name: string]: string | Uint8Array } = { "hello.html": hello, "style.css": style };
