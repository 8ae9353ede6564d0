import { expect, test } from "vitest";
import { csvLine } from "./csv";

test("a line of a table has quotes where they are needed", () => {
	expect(csvLine(["a", 1, "b,c", 'd"e', "f\ng"])).toBe('a,1,"b,c","d""e","f\ng"');
});

test("what a spreadsheet would take for a formula is none", () => {
	expect(csvLine(["=1+1", "@x", "-2", -2])).toBe("'=1+1,'@x,'-2,-2");
});
