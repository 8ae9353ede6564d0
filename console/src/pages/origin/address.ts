// Pure. Addresses of origins as they are written, `host[:port][:weight]`, and as the parts that are typed.

export interface AddressParts {
	host: string;
	/** Empty is the protocol's own. */
	port: string;
	/** Empty is 1. */
	weight: string;
}

/** The parts of what is written; what makes no sense stays in `host`, so that the server can say what is wrong. */
export function parseAddress(text: string): AddressParts {
	const whole = text.trim();
	const bracketed = /^(\[[^\]]*\])(?::([^:]*))?(?::([^:]*))?$/.exec(whole);
	if (bracketed) return { host: bracketed[1] ?? "", port: bracketed[2] ?? "", weight: bracketed[3] ?? "" };
	const parts = whole.split(":");
	// More colons than host, port and weight have are an IPv6 address without its brackets.
	if (parts.length > 3 || whole.includes("[")) return { host: whole, port: "", weight: "" };
	return { host: parts[0] ?? "", port: parts[1] ?? "", weight: parts[2] ?? "" };
}

/** The way an address is written. */
export function formatAddress({ host, port, weight }: AddressParts): string {
	const bare = host.trim();
	const isV6 = bare.split(":").length > 2 && !bare.startsWith("[");
	const named = isV6 && (port.trim() || weight.trim()) ? `[${bare}]` : bare;
	if (weight.trim()) return `${named}:${port.trim()}:${weight.trim()}`;
	return port.trim() ? `${named}:${port.trim()}` : named;
}

/** Several, as they come from somewhere else: one a line, or with commas or blanks between. */
export function splitAddresses(text: string): string[] {
	return text.split(/[\s,;]+/).filter(Boolean);
}

/** `host` or `host:port` of one that is written, which is how the API names it to give it another weight. */
export function withoutWeight(text: string): string {
	return formatAddress({ ...parseAddress(text), weight: "" });
}
