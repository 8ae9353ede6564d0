// Pure. Server-sent events out of bytes as they come, for a stream that is read by fetch: unlike EventSource it tells why
// it was refused, and is not read faster than the page can.

export interface ServerEvent {
	name: string;
	data: string;
}

/** More than this without an empty line is no event of ours, and is left out. */
const EVENT_MAX = 256 * 1024;

/** A reader that gives the events which the text so far has made whole. */
export function eventReader(): (text: string) => ServerEvent[] {
	let rest = "";
	let name = "";
	let data: string[] = [];
	let size = 0;
	let isSkipping = false;

	function take(line: string, to: ServerEvent[]): void {
		if (line === "") {
			if (data.length > 0 && size <= EVENT_MAX) to.push({ name: name || "message", data: data.join("\n") });
			name = "";
			data = [];
			size = 0;
			return;
		}
		const colon = line.indexOf(":");
		const field = colon < 0 ? line : line.slice(0, colon);
		const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
		if (field === "event") name = value;
		if (field !== "data") return;
		size += value.length + 1;
		if (size <= EVENT_MAX) data.push(value);
	}

	return (text) => {
		const events: ServerEvent[] = [];
		rest += text;
		let from = 0;
		for (;;) {
			const end = rest.indexOf("\n", from);
			if (end < 0) break;
			const line = rest.slice(from, end > from && rest[end - 1] === "\r" ? end - 1 : end);
			from = end + 1;
			if (!isSkipping) take(line, events);
			isSkipping = false;
		}
		rest = rest.slice(from);
		if (rest.length > EVENT_MAX) {
			rest = "";
			isSkipping = true;
		}
		return events;
	};
}
