// Copies a text, also where the page came without TLS from another machine, and the browser has no clipboard for it.

/** Whether it is copied. */
export async function copyText(text: string): Promise<boolean> {
	try {
		if (navigator.clipboard) {
			await navigator.clipboard.writeText(text);
			return true;
		}
	} catch {
		// As without one.
	}
	const before = document.activeElement as HTMLElement | null;
	const area = document.createElement("textarea");
	area.value = text;
	area.className = "hw-unseen";
	area.setAttribute("aria-hidden", "true");
	(before?.closest("[role=dialog]") ?? document.body).append(area);
	area.select();
	let isDone = false;
	try {
		isDone = document.execCommand("copy");
	} catch {
		isDone = false;
	}
	area.remove();
	before?.focus();
	return isDone;
}
