// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PROBLEMS, RULES } from "./problems";

const source = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

describe("what the API refuses", () => {
	it("has Chinese words for each problem", () => {
		const names = [...source("docs/problems.md").matchAll(/^\| `([a-z-]+)` \| [0-9]+ \|/gm)].map(
			(found) => found[1] as string,
		);
		expect(names.length).toBeGreaterThan(25);
		expect(names.filter((name) => !PROBLEMS[name])).toEqual([]);
		expect(Object.keys(PROBLEMS).filter((name) => !names.includes(name))).toEqual([]);
	});

	it("has Chinese words for each rule of a domain that the code names", () => {
		const files = ["check.c", "bucket.c", "read.c", "list.c", "value.c", "node.c", "host.c", "headers.c"].map(
			(file) => `src/model/${file}`,
		);
		const found = files.flatMap((file) => [
			...source(file).matchAll(
				/(?:refuse|REFUSE|model_node_refuse|problems_add)\([^;]*?"(R[123]|[a-z]+(?:-[a-z]+)?)",/g,
			),
		]);
		const rules = new Set(found.map((one) => one[1] as string));
		expect(rules.size).toBeGreaterThan(8);
		expect([...rules].filter((rule) => !RULES[rule])).toEqual([]);
	});
});
