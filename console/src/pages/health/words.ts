// How the page of live health writes rates, countdowns and states.
import { bits, bytes, number, short } from "../../i18n/format";
import type { healthTexts } from "../../i18n/health";
import type { AddressNode } from "./map";

type Say = (key: keyof typeof healthTexts, words?: Record<string, string | number>) => string;

/** A rate as few digits as say something: 0, 0.3, 12, 1.2k. */
export function rate(value: number): string {
	if (value === 0) return "0";
	if (value < 0.1) return "<0.1";
	if (value < 10) return number(value, 1);
	return value < 10000 ? number(Math.round(value)) : short(value);
}

/** What is left of a time: 0:07, 12:30, 1:00:00. */
export function countdown(ms: number): string {
	const seconds = Math.max(0, Math.ceil(ms / 1000));
	const two = (value: number) => String(value).padStart(2, "0");
	const minutes = Math.floor(seconds / 60) % 60;
	const hours = Math.floor(seconds / 3600);
	return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** Microseconds: 340 µs, 12 ms, 1.2 s. */
export function latency(us: number): string {
	if (us < 1000) return `${number(us)} µs`;
	if (us < 1_000_000) return `${number(us / 1000, us < 10000 ? 1 : 0)} ms`;
	return `${number(us / 1_000_000, 1)} s`;
}

/** The state of an address in words, with on how many edges where they differ. */
export function stateWords({ view }: Pick<AddressNode, "view">, t: Say): string {
	const word = t(view.word);
	return view.on ? `${word} ${t("onSome", view.on)}` : word;
}

export { bits, bytes };
