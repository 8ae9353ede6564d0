// Passwords that are made here, for whoever is given one.

const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789";
const LENGTH = 24;

/** 120 bits of chance, in letters that are not taken for others. */
export function makePassword(): string {
	return Array.from(crypto.getRandomValues(new Uint8Array(LENGTH)), (byte) => LETTERS[byte % LETTERS.length]).join("");
}

/** By the rules of the server, which counts bytes. */
export function passwordFault(value: string): { missing: number } | "long" | undefined {
	const size = new TextEncoder().encode(value).length;
	if (size < 12) return { missing: 12 - size };
	return size > 1024 ? "long" : undefined;
}
