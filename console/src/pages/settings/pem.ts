// Pure. Texts in PEM: which are certificates and which are keys, before the server looks at them.

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;
const CHAIN_MAX = 65536;
const KEY_MAX = 16384;

export type PemFault = "faultPem" | "faultKeyPem" | "faultKeyLocked" | "faultLarge";

/** What is wrong with a certificate and its chain; undefined where nothing is that can be told here. */
export function chainFault(text: string): { fault: PemFault; max: number } | undefined {
	if (text.length > CHAIN_MAX) return { fault: "faultLarge", max: CHAIN_MAX / 1024 };
	return /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/.test(text) ? undefined : { fault: "faultPem", max: 0 };
}

export function keyFault(text: string): { fault: PemFault; max: number } | undefined {
	if (text.length > KEY_MAX) return { fault: "faultLarge", max: KEY_MAX / 1024 };
	if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text))
		return { fault: "faultKeyLocked", max: 0 };
	return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text) ? undefined : { fault: "faultKeyPem", max: 0 };
}

/** A text that has both, as some tools write one file, in its two parts. */
export function split(text: string): { chain: string; key: string } {
	const chain: string[] = [];
	const key: string[] = [];
	for (const [block, kind = ""] of text.matchAll(BLOCK)) (kind.endsWith("PRIVATE KEY") ? key : chain).push(block);
	return key.length === 0 ? { chain: text, key: "" } : { chain: `${chain.join("\n")}\n`, key: `${key.join("\n")}\n` };
}

/** How long a certificate is good, at a glance. */
export function expiryTone(daysLeft: number): "good" | "warn" | "bad" {
	if (daysLeft < 7) return "bad";
	return daysLeft < 30 ? "warn" : "good";
}
