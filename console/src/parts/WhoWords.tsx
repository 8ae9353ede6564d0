// Who did something: an account, and the token that it was done with.
import { common } from "../i18n/common";
import { useText } from "../i18n/i18n";

/** `who` as the API tells it: `alice`, or `deploy/ci` of a token. */
export function WhoWords({ who }: { who: string }) {
	const t = useText(common);
	const slash = who.indexOf("/");
	if (slash < 0) return <span>{who}</span>;
	const label = who.slice(slash + 1);
	return (
		<span title={t("byToken", { label })}>
			{who.slice(0, slash)} <span className="hw-quiet">/ {label}</span>
		</span>
	);
}
