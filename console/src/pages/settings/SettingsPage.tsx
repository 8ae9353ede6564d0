// Settings: pages side by side, each with an address of its own.
import { lazy, Suspense } from "react";
import { Navigate, Route, Routes } from "react-router";
import { useText } from "../../i18n/i18n";
import { settingTexts } from "../../i18n/settings";
import { shellTexts } from "../../i18n/shell";
import { Loading } from "../../parts/Loading";
import { Page } from "../../shell/Page";
import { Tabs } from "../../shell/Tabs";
import "./settings.css";

const PAGES = {
	general: lazy(() => import("./GeneralTab")),
	server: lazy(() => import("./ServerTab")),
	runtime: lazy(() => import("./RuntimeTab")),
	certificates: lazy(() => import("./CertificatesTab")),
	users: lazy(() => import("./UsersTab")),
	tokens: lazy(() => import("./TokensTab")),
} as const;
const NAMES = Object.keys(PAGES) as (keyof typeof PAGES)[];

export default function SettingsPage() {
	const t = useText(settingTexts);
	const s = useText(shellTexts);
	return (
		<Page title={s("settings")}>
			<Tabs label={t("sections")} items={NAMES.map((name) => ({ to: `/settings/${name}`, text: t(name) }))} />
			<Suspense fallback={<Loading rows={6} height={24} />}>
				<Routes>
					<Route index element={<Navigate to="general" replace />} />
					{NAMES.map((name) => {
						const One = PAGES[name];
						return <Route key={name} path={name} element={<One />} />;
					})}
					<Route path="*" element={<Navigate to="/settings/general" replace />} />
				</Routes>
			</Suspense>
		</Page>
	);
}
