// The access log of all domains, as it is written.
import { useText } from "../../i18n/i18n";
import { logTexts } from "../../i18n/logs";
import { shellTexts } from "../../i18n/shell";
import { Page } from "../../shell/Page";
import { LogView } from "./LogView";

export default function LogsPage() {
	const s = useText(shellTexts);
	const t = useText(logTexts);
	return (
		<Page title={s("logs")} lead={t("lead")}>
			<LogView />
		</Page>
	);
}
