// A purge in words.
import { say, useText } from "../../i18n/i18n";
import { purgeTexts } from "../../i18n/purge";
import type { Mode, What } from "./values";

const ONE = { url: "oneUrl", prefix: "onePrefix", domain: "oneDomain", tag: "oneTag" } as const;
const SOME = { url: "someUrls", prefix: "somePrefixes", domain: "someDomains", tag: "someTags" } as const;

/** "all of img.example.com with the tag article-17". */
export function objectsOf(what: What, values: readonly string[], domain: string): string {
	const [first] = values;
	return values.length === 1 && first !== undefined
		? say(purgeTexts[ONE[what]], { value: first, domain })
		: say(purgeTexts[SOME[what]], { count: values.length, domain });
}

/** What a purge will do. */
export function useEffectWords() {
	const t = useText(purgeTexts);
	return (what: What, values: readonly string[], mode: Mode, domain: string): string =>
		t(mode === "soft" ? "willSoft" : "willHard", {
			objects: objectsOf(what, values, domain),
			verb: t(what === "url" && values.length > 1 ? "are" : "is"),
		});
}
