// Whether an addon may make promises, as far as its text tells. The engine reports a promise that was rejected and that nobody
// handles when an entry ends, and not for which of several events it was made: so events share an entry only where there are none.
// Pure; a guess on the safe side, which costs those that it holds back some speed and nothing else.

/** Words without which a program neither makes a promise nor calls what gives one, unless it hides what it does: then all its own events of an entry are charged with it. */
const words = /\b(?:async|await|Promise|then|fetch|storage|replay|subtle|import|eval|Function|\w*Stream)\b|\.catch\b/;

/** `bundle` is JavaScript, comments and all. */
export const mentionsPromises = (bundle: string): boolean => words.test(bundle);
