// Room for what is on its way, in the shape that it will have.
import { common } from "../i18n/common";
import { useText } from "../i18n/i18n";

/** Grey lines; `rows` of them, each `height` pixels high. */
export function Loading({ rows = 4, height = 20 }: { rows?: number; height?: number }) {
	const t = useText(common);
	return (
		<div className="hw-loading" role="status">
			<span className="hw-unseen">{t("loading")}</span>
			{Array.from({ length: rows }, (_, row) => (
				// biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
				<span key={row} className="hw-loading__row" style={{ height, width: `${100 - ((row * 17) % 40)}%` }} />
			))}
		</div>
	);
}
