// English and 简体中文. A text is a pair, so that none lacks its translation; an area of pages has a file of pairs.
import { useCallback, useSyncExternalStore } from "react";

export type Language = "en" | "zh-CN";
export type Pair = readonly [en: string, zh: string];
export type Texts = Readonly<Record<string, Pair>>;
export type Words = Record<string, string | number>;

const KEPT = "headwater.language";
const watchers = new Set<() => void>();
let language: Language = globalThis.document?.documentElement.lang === "zh-CN" ? "zh-CN" : "en";

/** The texts of an area, checked to be pairs, with their keys kept. */
export function texts<T extends Texts>(pairs: T): T {
	return pairs;
}

export function currentLanguage(): Language {
	return language;
}

export function setLanguage(next: Language): void {
	language = next;
	document.documentElement.lang = next;
	try {
		localStorage.setItem(KEPT, next);
	} catch {
		// A browser that keeps nothing has the language until the page is left.
	}
	for (const watcher of watchers) watcher();
}

export function useLanguage(): Language {
	return useSyncExternalStore((watcher) => {
		watchers.add(watcher);
		return () => watchers.delete(watcher);
	}, currentLanguage);
}

/** A text with its words put in: `{name}` in it is the word of that name. */
export function say(pair: Pair, words?: Words): string {
	const text = language === "zh-CN" ? pair[1] : pair[0];
	return words ? text.replace(/\{(\w+)\}/g, (whole, name: string) => String(words[name] ?? whole)) : text;
}

/** `t("key", {word: 1})` for the texts of an area, in the language that is chosen. */
export function useText<T extends Texts>(area: T): (key: keyof T & string, words?: Words) => string {
	const now = useLanguage();
	// biome-ignore lint/correctness/useExhaustiveDependencies: another language is another function, so that what is memoised is said anew
	return useCallback((key, words) => say(area[key] as Pair, words), [area, now]);
}
