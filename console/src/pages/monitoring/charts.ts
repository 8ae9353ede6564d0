// Pure. What was counted, as charts: each a set of lines over the same steps, which is drawn, written as a table, or
// saved as CSV.
import type { Stats } from "../../api/types";
import { failureCount, failuresOf } from "./failures";

export const RANGES = {
	"10m": { span: 600_000, step: 60_000 },
	"1h": { span: 3600_000, step: 60_000 },
	"6h": { span: 6 * 3600_000, step: 300_000 },
	"24h": { span: 24 * 3600_000, step: 600_000 },
	"7d": { span: 7 * 86400_000, step: 3600_000 },
	"30d": { span: 30 * 86400_000, step: 3 * 3600_000 },
} as const;
export type RangeName = keyof typeof RANGES;
export const RANGE_NAMES = Object.keys(RANGES) as RangeName[];

export type Unit = "rate" | "bits" | "ratio" | "count" | "us";
export type Colour = "blue" | "green" | "orange" | "red" | "purple" | "teal" | "pink" | "grey";

export interface Line {
	/** A key of the texts of this area, or of a failure `role reason`. */
	key: string;
	colour: Colour;
	/** One for each step; null where nothing is known. */
	values: (number | null)[];
	dash?: "dashed" | "dotted";
	isFilled?: boolean;
}
export type ChartName = "requests" | "bandwidth" | "hit" | "status" | "pulls" | "failures" | "latency";
export interface Chart {
	name: ChartName;
	unit: Unit;
	isStacked?: boolean;
	/** Bars of each step, and not a line. */
	hasBars?: boolean;
	lines: Line[];
}
export interface Sheet {
	/** The beginnings of the steps. */
	times: number[];
	stepMs: number;
	/** Of which nothing is known, as [from, to). */
	gaps: [number, number][];
	charts: Chart[];
}

const SERIES_MAX = 7;
const FAILURE_COLOURS: Colour[] = ["red", "orange", "purple", "teal", "pink", "blue", "green"];

type ClientPoint = Stats["client"]["series"][number];
type OriginPoint = Stats["origin"]["series"][number];

/** Which roles failed by which reasons, the most frequent first; what is beyond the first is `other`. */
function failureLines(
	origin: readonly (OriginPoint | undefined)[],
	backup: readonly (OriginPoint | undefined)[],
	isKnown: readonly boolean[],
): Line[] {
	const totals = new Map<string, number>();
	for (const [role, points] of [
		["master", origin],
		["backup", backup],
	] as const) {
		for (const point of points) {
			for (const [reason, count] of Object.entries(failuresOf(point))) {
				const key = `${role} ${reason}`;
				totals.set(key, (totals.get(key) ?? 0) + count);
			}
		}
	}
	const keys = [...totals].sort((a, b) => b[1] - a[1]).map(([key]) => key);
	const shown = keys.length > SERIES_MAX ? keys.slice(0, SERIES_MAX - 1) : keys;
	const rest = keys.slice(shown.length);
	const at = (key: string, index: number) => {
		const [role, reason] = key.split(" ") as [string, string];
		return failuresOf((role === "master" ? origin : backup)[index])[reason] ?? 0;
	};
	const lines: Line[] = shown.map((key, order) => ({
		key,
		colour: FAILURE_COLOURS[order] ?? "grey",
		values: isKnown.map((known, index) => (known ? at(key, index) : null)),
	}));
	if (rest.length > 0) {
		lines.push({
			key: "otherReasons",
			colour: "grey",
			values: isKnown.map((known, index) => (known ? rest.reduce((sum, key) => sum + at(key, index), 0) : null)),
		});
	}
	return lines;
}

/** All charts of an answer that was given at `nowMs`. A minute that is not over yet is left out; of a longer step, what
 * there is of it counts. */
export function sheetOf(stats: Stats, nowMs: number, timed: "first_byte_us" | "whole_us"): Sheet {
	const stepMs = stats.step;
	const end = Math.min(stats.to_ms, Math.floor(nowMs / 60_000) * 60_000);
	const count = Math.max(0, Math.ceil((end - stats.from_ms) / stepMs));
	const times = Array.from({ length: count }, (_, index) => stats.from_ms + index * stepMs);
	const gaps = stats.gaps
		.map(({ from_ms, to_ms }): [number, number] => [from_ms, Math.min(to_ms, stats.from_ms + count * stepMs)])
		.filter(([from, to]) => to > from);
	const isKnown = times.map((ms) => !gaps.some(([from, to]) => ms >= from && ms < to));
	const placed = <P extends { at_ms: number }>(points: readonly P[]): (P | undefined)[] => {
		const by = new Map(points.map((point) => [point.at_ms, point]));
		return times.map((ms) => by.get(ms));
	};
	const client = placed<ClientPoint>(stats.client.series);
	const origin = placed<OriginPoint>(stats.origin.series);
	const backup = placed<OriginPoint>(stats.backup.series);
	const secondsOf = (index: number) => Math.min(stepMs, Math.max(60_000, nowMs - (times[index] ?? 0))) / 1000;
	// Where something was counted, something is known, whatever is said of the time around it.
	const knows = (index: number) => isKnown[index] || client[index] !== undefined;
	const rate = <P>(points: readonly (P | undefined)[], of: (point: P) => number) =>
		points.map((point, index) => (knows(index) ? (point ? of(point) / secondsOf(index) : 0) : null));
	const known = times.map((_, index) => knows(index));
	const percentile = (which: "p50" | "p95" | "p99") => client.map((point) => point?.[timed]?.[which] ?? null);

	return {
		times,
		stepMs,
		gaps,
		charts: [
			{
				name: "requests",
				unit: "rate",
				lines: [
					{ key: "requests", colour: "blue", values: rate(client, (point) => point.requests), isFilled: true },
					{ key: "hits", colour: "green", values: rate(client, (point) => point.hits), dash: "dashed" },
				],
			},
			{
				name: "bandwidth",
				unit: "bits",
				lines: [
					{ key: "toVisitors", colour: "blue", values: rate(client, (point) => point.bytes_out), isFilled: true },
					{
						key: "fromOrigins",
						colour: "orange",
						values: times.map((_, index) =>
							known[index] ? ((origin[index]?.bytes ?? 0) + (backup[index]?.bytes ?? 0)) / secondsOf(index) : null,
						),
						dash: "dashed",
					},
					{ key: "uploads", colour: "purple", values: rate(client, (point) => point.bytes_in), dash: "dotted" },
				],
			},
			{
				name: "hit",
				unit: "ratio",
				lines: [
					{
						key: "hitRatio",
						colour: "green",
						values: client.map((point) => (point && point.requests > 0 ? point.hits / point.requests : null)),
						isFilled: true,
					},
				],
			},
			{
				name: "latency",
				unit: "us",
				lines: [
					{ key: "p50", colour: "teal", values: percentile("p50") },
					{ key: "p95", colour: "orange", values: percentile("p95"), dash: "dashed" },
					{ key: "p99", colour: "red", values: percentile("p99"), dash: "dotted" },
				],
			},
			{
				name: "status",
				unit: "rate",
				isStacked: true,
				hasBars: true,
				lines: [
					{ key: "s2", colour: "green", values: rate(client, (point) => point.status_2xx) },
					{ key: "s3", colour: "blue", values: rate(client, (point) => point.status_3xx) },
					{ key: "s4", colour: "orange", values: rate(client, (point) => point.status_4xx) },
					{ key: "s5", colour: "red", values: rate(client, (point) => point.status_5xx) },
				],
			},
			{
				name: "pulls",
				unit: "rate",
				lines: [
					{ key: "pullsMaster", colour: "blue", values: rate(origin, (point) => point.pulls), isFilled: true },
					{ key: "pullsBackup", colour: "purple", values: rate(backup, (point) => point.pulls) },
					{ key: "failedMaster", colour: "red", values: rate(origin, failureCount), dash: "dashed" },
					{ key: "failedBackup", colour: "pink", values: rate(backup, failureCount), dash: "dotted" },
				],
			},
			{
				name: "failures",
				unit: "count",
				isStacked: true,
				hasBars: true,
				lines: failureLines(origin, backup, known),
			},
		],
	};
}

/** The greatest bandwidth to visitors, in bytes a second. */
export function peakOf(sheet: Sheet): number {
	const line = sheet.charts.find((chart) => chart.name === "bandwidth")?.lines[0];
	return Math.max(0, ...(line?.values ?? []).map((value) => value ?? 0));
}

/** Whether a chart has anything to show. */
export function hasAnything(chart: Chart): boolean {
	return chart.lines.some((line) =>
		line.values.some((value) => value !== null && (value > 0 || chart.unit === "ratio")),
	);
}

/** The rows of a chart as a table: time, then a value for each line; null where nothing is known. */
export function rowsOf(sheet: Sheet, chart: Chart): [number, ...(number | null)[]][] {
	return sheet.times.map((ms, index) => [ms, ...chart.lines.map((line) => line.values[index] ?? null)]);
}
