// Light, dark, or as the system has it. public/theme.js sets the same before anything is drawn.
import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark" | "system";

const KEPT = "headwater.theme";
const watchers = new Set<() => void>();
const wish = matchMedia("(prefers-color-scheme: dark)");

function read(): Theme {
	try {
		const kept = localStorage.getItem(KEPT);
		return kept === "light" || kept === "dark" ? kept : "system";
	} catch {
		return "system";
	}
}

let theme = read();

function show(): void {
	document.documentElement.setAttribute("theme-mode", isDark() ? "dark" : "light");
	for (const watcher of watchers) watcher();
}

export function isDark(): boolean {
	return theme === "dark" || (theme === "system" && wish.matches);
}

export function setTheme(next: Theme): void {
	theme = next;
	try {
		if (next === "system") localStorage.removeItem(KEPT);
		else localStorage.setItem(KEPT, next);
	} catch {
		// A browser that keeps nothing has it until the page is left.
	}
	show();
}

wish.addEventListener("change", show);

function subscribe(watcher: () => void): () => void {
	watchers.add(watcher);
	return () => watchers.delete(watcher);
}

export function useTheme(): Theme {
	return useSyncExternalStore(subscribe, () => theme);
}

/** Whether it is dark now; for what draws by itself, such as charts. */
export function useIsDark(): boolean {
	return useSyncExternalStore(subscribe, isDark);
}
