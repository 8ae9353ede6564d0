// Manage: the pages of one domain, side by side.
import { Suspense } from "react";
import { Outlet, useParams } from "react-router";
import { useText } from "../../i18n/i18n";
import { shellTexts } from "../../i18n/shell";
import { Loading } from "../../parts/Loading";
import { ProcessingTag } from "../../parts/ProcessingTag";
import { Page } from "../../shell/Page";
import { Tabs } from "../../shell/Tabs";

const TABS = ["basic", "acceleration", "health", "monitoring", "logs", "history"] as const;

export default function ManagePage() {
	const t = useText(shellTexts);
	const name = useParams().name ?? "";
	const base = `/domains/${encodeURIComponent(name)}`;
	return (
		<Page title={name} above={[{ text: t("domains"), to: "/domains" }]} note={<ProcessingTag domain={name} />}>
			<Tabs label={t("manage")} items={TABS.map((tab) => ({ to: `${base}/${tab}`, text: t(tab) }))} />
			<Suspense fallback={<Loading />}>
				<Outlet />
			</Suspense>
		</Page>
	);
}
