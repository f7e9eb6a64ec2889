// What of a WebSocket message the guest checks at the author's line and the host checks again: sizes of what addons put in. Pure data;
// what a peer may send is the business of host/websocket.

/** LIMIT: messages that one call may put into a WebSocket. Their bytes count towards `mutationBytes`. */
export const mostInjections = 100;
