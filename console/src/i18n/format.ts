// Numbers, sizes and times as people of a language write them.
import { currentLanguage } from "./i18n";

/** 1234567 as 1,234,567. */
export function number(value: number, digits = 0): string {
	return new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: digits }).format(value);
}

/** 1234567 as 1.2M. */
export function short(value: number): string {
	return new Intl.NumberFormat(currentLanguage(), { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

/** 0.1234 as 12.3%. */
export function percent(value: number, digits = 1): string {
	return new Intl.NumberFormat(currentLanguage(), { style: "percent", maximumFractionDigits: digits }).format(value);
}

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** Bytes, with a unit of 1024s. */
export function bytes(value: number): string {
	let unit = 0;
	let size = value;
	while (size >= 1024 && unit < SIZES.length - 1) {
		size /= 1024;
		unit++;
	}
	return `${number(size, size < 10 && unit > 0 ? 1 : 0)} ${SIZES[unit]}`;
}

/** A rate in bits a second, as bandwidth is told. */
export function bits(bytesPerSecond: number): string {
	const units = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];
	let unit = 0;
	let rate = bytesPerSecond * 8;
	while (rate >= 1000 && unit < units.length - 1) {
		rate /= 1000;
		unit++;
	}
	return `${number(rate, rate < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}

/** A moment, to the second. */
export function moment(ms: number): string {
	return new Intl.DateTimeFormat(currentLanguage(), { dateStyle: "medium", timeStyle: "medium" }).format(ms);
}

/** A time of the day. */
export function clock(ms: number): string {
	return new Intl.DateTimeFormat(currentLanguage(), { timeStyle: "medium" }).format(ms);
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
	["day", 86400],
	["hour", 3600],
	["minute", 60],
	["second", 1],
];

/** How long ago, or in how long: "3 minutes ago". */
export function ago(ms: number, now = Date.now()): string {
	const seconds = Math.round((ms - now) / 1000);
	const [unit, size] = STEPS.find(([, step]) => Math.abs(seconds) >= step) ?? ["second", 1];
	return new Intl.RelativeTimeFormat(currentLanguage(), { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}

/** A duration as the API writes it ("2000ms", "5s") in the largest whole unit: "2s", "5m", "1d". */
export function duration(text: string): string {
	const found = /^([0-9]+)(ms|s)$/.exec(text);
	if (!found) return text;
	let value = Number(found[1]);
	if (found[2] === "ms") {
		if (value % 1000) return `${value}ms`;
		value /= 1000;
	}
	for (const [unit, size] of [
		["d", 86400],
		["h", 3600],
		["m", 60],
	] as const) {
		if (value && value % size === 0) return `${value / size}${unit}`;
	}
	return `${value}s`;
}
