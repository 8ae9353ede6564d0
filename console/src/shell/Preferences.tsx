// The theme and the language.
import { MoonIcon, SunnyIcon, TranslateIcon } from "tdesign-icons-react";
import { setLanguage, useLanguage, useText } from "../i18n/i18n";
import { shellTexts } from "../i18n/shell";
import { setTheme, useIsDark } from "./theme";

export function ThemeSwitch() {
	const t = useText(shellTexts);
	const isDark = useIsDark();
	const name = `${t("theme")}: ${t(isDark ? "dark" : "light")}`;
	return (
		<button
			type="button"
			className="hw-icon-button"
			aria-label={name}
			title={name}
			onClick={() => setTheme(isDark ? "light" : "dark")}
		>
			{isDark ? <MoonIcon /> : <SunnyIcon />}
		</button>
	);
}

export function LanguageSwitch() {
	const t = useText(shellTexts);
	const language = useLanguage();
	const other = language === "en" ? "简体中文" : "English";
	return (
		<button
			type="button"
			className="hw-icon-button hw-icon-button--wide"
			title={t("language")}
			lang={language === "en" ? "zh-CN" : "en"}
			onClick={() => setLanguage(language === "en" ? "zh-CN" : "en")}
		>
			<TranslateIcon aria-hidden="true" />
			<span>{other}</span>
		</button>
	);
}
