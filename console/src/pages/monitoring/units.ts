// Numbers of charts as people read them.
import { bits, number, percent, short } from "../../i18n/format";
import { currentLanguage, say } from "../../i18n/i18n";
import { monitoringTexts } from "../../i18n/monitoring";
import type { Unit } from "./charts";

/** Microseconds: 340 µs, 12 ms, 1.2 s. */
export function time(us: number): string {
	if (us < 1000) return `${number(us)} µs`;
	if (us < 1_000_000) return `${number(us / 1000, us < 10_000 ? 1 : 0)} ms`;
	return `${number(us / 1_000_000, us < 10_000_000 ? 1 : 0)} s`;
}

/** A value in words; for an axis in fewer. */
export function valueText(value: number, unit: Unit): string {
	switch (unit) {
		case "rate":
			return `${value >= 10_000 ? short(value) : number(value, value < 10 ? 2 : value < 100 ? 1 : 0)}/s`;
		case "bits":
			return bits(value);
		case "ratio":
			return percent(value);
		case "us":
			return time(value);
		case "count":
			return value >= 100_000 ? short(value) : number(value);
	}
}

/** What a column of a CSV file has, behind its name. */
export function unitName(unit: Unit): string {
	return { rate: "/s", bits: "bit/s", ratio: "0-1", us: "µs", count: "" }[unit];
}

/** The number that a CSV file has. */
export function rawValue(value: number, unit: Unit): number {
	const shown = unit === "bits" ? value * 8 : value;
	return Math.round(shown * 1e6) / 1e6;
}

/** A moment on an axis over a span. */
export function axisTime(ms: number, spanMs: number): string {
	const options: Intl.DateTimeFormatOptions =
		spanMs > 2 * 86400_000
			? { month: "short", day: "numeric" }
			: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
	return new Intl.DateTimeFormat(currentLanguage(), options).format(ms);
}

/** A step in full: from when, with the day where the span has several. */
export function stepTime(ms: number, spanMs: number): string {
	const options: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
	if (spanMs > 12 * 3600_000) Object.assign(options, { month: "short", day: "numeric" });
	return new Intl.DateTimeFormat(currentLanguage(), options).format(ms);
}

/** How long a step is: 1 min, 3 h. */
export function stepText(stepMs: number): string {
	return stepMs % 3600_000 === 0
		? say(monitoringTexts.stepHours, { count: stepMs / 3600_000 })
		: say(monitoringTexts.stepMinutes, { count: stepMs / 60_000 });
}
