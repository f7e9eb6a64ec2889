// Every attack, in one list, by category.
import { attackCategories, type AttackCase } from "../attack-case.ts";
import { advisoryCases } from "./escape-advisories.ts";
import { escapeCases } from "./escape.ts";
import { forgeryCases } from "./forgery.ts";
import { hangCases } from "./hang.ts";
import { memoryCases } from "./memory.ts";
import { moreBundlingCases } from "./more-bundling.ts";
import { moreHangCases } from "./more-hangs.ts";
import { moreFloodCases, moreMemoryCases } from "./more-memory-and-floods.ts";
import { moreInformationCases, moreSmugglingCases } from "./more-smuggling.ts";
import { serviceCases } from "./services.ts";
import { bundlingCases, floodCases, informationCases, smugglingCases } from "./others.ts";

const all: readonly AttackCase[] = [
  ...escapeCases, ...advisoryCases, ...hangCases, ...moreHangCases, ...memoryCases, ...moreMemoryCases, ...floodCases, ...moreFloodCases, ...forgeryCases,
  ...smugglingCases, ...moreSmugglingCases, ...informationCases, ...moreInformationCases, ...serviceCases, ...bundlingCases, ...moreBundlingCases,
];

export const attackCases: readonly AttackCase[] = attackCategories.flatMap((category) => all.filter((attack) => attack.category === category));
