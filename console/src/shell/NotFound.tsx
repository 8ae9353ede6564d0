import { Link } from "react-router";
import { useText } from "../i18n/i18n";
import { shellTexts } from "../i18n/shell";
import { EmptyState } from "../parts/EmptyState";
import { Page } from "./Page";

export default function NotFound() {
	const t = useText(shellTexts);
	return (
		<Page title={t("notFound")}>
			<EmptyState title={t("notFoundHint")} action={<Link to="/domains">{t("toDomains")}</Link>} />
		</Page>
	);
}
