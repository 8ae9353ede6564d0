// What lines of the access log say, in words.
import { faultWords } from "../../i18n/faults";
import { number } from "../../i18n/format";
import { say } from "../../i18n/i18n";
import { logTexts } from "../../i18n/logs";

type Key = keyof typeof logTexts;

/** A text by a name that the log has, such as `phase_head`; the name itself where it is a new one. */
export function named(kind: "phase" | "next" | "end", name: string): string {
	const pair = logTexts[`${kind}_${name}` as Key];
	return pair ? say(pair) : name;
}

/** A fault in words, be it the origin's, the client's or our own. */
export function anyFaultWords(name: string): string {
	const pair = logTexts[`f_${name}` as Key];
	return pair ? say(pair) : faultWords(name);
}

/** Milliseconds: "0.24 ms", "12 ms", "3.4 s". */
export function took(ms: number): string {
	if (ms >= 1000) return `${number(ms / 1000, ms < 10000 ? 2 : 1)} s`;
	return `${number(ms, ms < 10 ? 2 : ms < 100 ? 1 : 0)} ms`;
}

/** The time of the day of a line, to the millisecond, where the browser is. */
export function timeOf(time: string): string {
	const at = new Date(time);
	if (Number.isNaN(at.getTime())) return time;
	const two = (value: number) => String(value).padStart(2, "0");
	return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}
