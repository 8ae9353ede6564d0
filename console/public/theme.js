// Before anything is drawn: the theme and the language as they were chosen, or as the system has them.
(() => {
	const root = document.documentElement;
	const kept = (key) => {
		try {
			return localStorage.getItem(key);
		} catch {
			return null;
		}
	};
	const theme = kept("headwater.theme");
	const dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
	root.setAttribute("theme-mode", dark ? "dark" : "light");
	root.lang = (kept("headwater.language") ?? navigator.language).startsWith("zh") ? "zh-CN" : "en";
})();
