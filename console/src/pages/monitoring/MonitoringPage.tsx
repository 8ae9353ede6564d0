// Monitoring of all domains, or of one that is chosen.
import { useSearchParams } from "react-router";
import { useText } from "../../i18n/i18n";
import { monitoringTexts } from "../../i18n/monitoring";
import { Page } from "../../shell/Page";
import { DomainPicker } from "./DomainPicker";
import { MonitoringView } from "./MonitoringView";

export default function MonitoringPage() {
	const t = useText(monitoringTexts);
	const [search, setSearch] = useSearchParams();
	const domain = search.get("domain") ?? undefined;
	return (
		<Page title={t("title")} lead={t("lead")}>
			<MonitoringView domain={domain}>
				<DomainPicker
					value={domain}
					onChange={(next) =>
						setSearch((before) => {
							if (next === undefined) before.delete("domain");
							else before.set("domain", next);
							return before;
						})
					}
				/>
			</MonitoringView>
		</Page>
	);
}
