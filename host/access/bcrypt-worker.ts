// The thread on which bcrypt runs: one comparison after the other, away from the loop that carries the traffic. It keeps nothing.
import { parentPort } from "node:worker_threads";
import { compareSync } from "bcryptjs";
import { isBcryptQuestion, type BcryptAnswer } from "./bcrypt-thread.ts";

parentPort?.on("message", (question: unknown) => {
  if (!isBcryptQuestion(question)) return;
  const answer: BcryptAnswer = { id: question.id, isRight: compareSync(question.password, question.hash) };
  parentPort?.postMessage(answer);
});
