// Pure. The lines of differences that the API tells.

export interface DiffRow {
	field: string;
	before: string;
	after: string;
}

/** `origin.host: none -> www.example.net` in its three parts. A value may have " -> " in it: fields have no ": ". */
export function diffRow(line: string): DiffRow {
	const colon = line.indexOf(": ");
	const field = colon < 0 ? line : line.slice(0, colon);
	const rest = colon < 0 ? "" : line.slice(colon + 2);
	const arrow = rest.indexOf(" -> ");
	return arrow < 0
		? { field, before: "", after: rest }
		: { field, before: rest.slice(0, arrow), after: rest.slice(arrow + 4) };
}
