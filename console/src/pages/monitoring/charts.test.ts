import { describe, expect, it } from "vitest";
import type { Stats } from "../../api/types";
import { type Chart, hasAnything, peakOf, rowsOf, type Sheet, sheetOf } from "./charts";

const MINUTE = 60_000;
const client = {
	requests: 0,
	hits: 0,
	bytes_in: 0,
	bytes_out: 0,
	status_2xx: 0,
	status_3xx: 0,
	status_4xx: 0,
	status_5xx: 0,
};
const origin = {
	pulls: 0,
	bytes: 0,
	status_2xx: 0,
	status_3xx: 0,
	status_4xx: 0,
	status_5xx: 0,
	hedges: 0,
	hedges_won: 0,
	broken: 0,
	resumed: 0,
	unsure: 0,
};

function stats(more: Partial<Stats> = {}): Stats {
	return {
		from_ms: 0,
		to_ms: 5 * MINUTE,
		step: MINUTE,
		gaps: [],
		client: { total: client, series: [] },
		origin: { total: origin, series: [] },
		backup: { total: origin, series: [] },
		...more,
	};
}
const chartOf = (sheet: Sheet, name: string) => sheet.charts.find((chart) => chart.name === name) as Chart;
const valuesOf = (sheet: Sheet, name: string, line = 0) => chartOf(sheet, name).lines[line]?.values;

describe("a sheet", () => {
	it("has a place for each step; one that nothing was counted in is 0, and one of which nothing is known is a gap", () => {
		const point = { ...client, at_ms: MINUTE, requests: 120, hits: 30, bytes_out: 6000 };
		const sheet = sheetOf(
			stats({ client: { total: client, series: [point] }, gaps: [{ from_ms: 3 * MINUTE, to_ms: 4 * MINUTE }] }),
			5 * MINUTE,
			"first_byte_us",
		);
		expect(sheet.times).toEqual([0, 1, 2, 3, 4].map((minute) => minute * MINUTE));
		expect(valuesOf(sheet, "requests")).toEqual([0, 2, 0, null, 0]);
		expect(valuesOf(sheet, "hit")).toEqual([null, 0.25, null, null, null]);
		expect(valuesOf(sheet, "bandwidth")).toEqual([0, 100, 0, null, 0]);
		expect(peakOf(sheet)).toBe(100);
	});

	it("leaves out a minute that is not over, and divides what there is of a longer step by how long it has been", () => {
		const short = sheetOf(stats(), 4 * MINUTE + 30_000, "first_byte_us");
		expect(short.times).toHaveLength(4);
		const point = { ...client, at_ms: 5 * MINUTE, requests: 120 };
		const long = sheetOf(
			stats({ to_ms: 8 * MINUTE, step: 5 * MINUTE, client: { total: client, series: [point] } }),
			7 * MINUTE,
			"first_byte_us",
		);
		expect(valuesOf(long, "requests")).toEqual([0, 1]);
	});

	it("has the percentiles that are asked for, and gaps where there were no requests", () => {
		const first = { count: 1, p50: 10, p95: 20, p99: 30 };
		const point = { ...client, at_ms: 0, requests: 1, first_byte_us: first, whole_us: { ...first, p99: 99 } };
		const answer = stats({ client: { total: client, series: [point] } });
		expect(valuesOf(sheetOf(answer, 5 * MINUTE, "first_byte_us"), "latency", 2)).toEqual([30, null, null, null, null]);
		expect(valuesOf(sheetOf(answer, 5 * MINUTE, "whole_us"), "latency", 2)?.[0]).toBe(99);
	});

	it("tells failures by role and reason, the most frequent first, and those beyond seven together", () => {
		const reasons = Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`reason_${n}`, n + 1]));
		const sheet = sheetOf(
			stats({
				origin: { total: origin, series: [{ ...origin, at_ms: 0, pulls: 50, faults: reasons }] },
				backup: { total: origin, series: [{ ...origin, at_ms: 0, pulls: 1, faults: { status: 20 } }] },
			}),
			5 * MINUTE,
			"first_byte_us",
		);
		const { lines } = chartOf(sheet, "failures");
		expect(lines.map((line) => line.key)).toEqual([
			"backup status",
			...[8, 7, 6, 5, 4].map((n) => `master reason_${n}`),
			"otherReasons",
		]);
		expect(lines.at(-1)?.values[0]).toBe(1 + 2 + 3 + 4);
		expect(lines.every((line) => line.values[1] === 0)).toBe(true);
	});

	it("is a table with a row for each step", () => {
		const sheet = sheetOf(stats(), 5 * MINUTE, "first_byte_us");
		const rows = rowsOf(sheet, chartOf(sheet, "latency"));
		expect(rows).toHaveLength(5);
		expect(rows[1]).toEqual([MINUTE, null, null, null]);
		expect(hasAnything(chartOf(sheet, "requests"))).toBe(false);
	});
});
