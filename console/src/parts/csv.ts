// Tables as files: CSV (RFC 4180), which spreadsheets read.

/** A line of fields. One that a spreadsheet would take for a formula is kept from being one. Pure. */
export function csvLine(fields: readonly (string | number)[]): string {
	return fields
		.map((field) => {
			const text = typeof field === "string" && /^[=+\-@\t\r]/.test(field) ? `'${field}` : String(field);
			return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
		})
		.join(",");
}

/** Gives the browser a file to keep. */
export function saveFile(name: string, lines: readonly string[], kind = "text/csv;charset=utf-8"): void {
	const url = URL.createObjectURL(new Blob([`${lines.join("\r\n")}\r\n`], { type: kind }));
	const link = document.createElement("a");
	link.href = url;
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
