// Part "urlpattern": URLPattern by urlpattern-polyfill, over the part "url".
export { URLPattern } from "urlpattern-polyfill/urlpattern";
