// Every attack, in one list.
import type { AttackCase } from "../attack-case.ts";
import { escapeCases } from "./escape.ts";
import { hangCases } from "./hang.ts";
import { memoryCases } from "./memory.ts";
import { bundlingCases, floodCases, informationCases, smugglingCases } from "./others.ts";

export const attackCases: readonly AttackCase[] = [
  ...escapeCases, ...hangCases, ...memoryCases, ...floodCases, ...smugglingCases, ...informationCases, ...bundlingCases,
];
