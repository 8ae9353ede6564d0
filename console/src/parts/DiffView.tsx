// What a change changes, field by field: the API's lines `FIELD: BEFORE -> AFTER`, as a table.
import { common } from "../i18n/common";
import { useText } from "../i18n/i18n";
import { diffRow } from "./diff";

export function DiffView({ lines, caption }: { lines: readonly string[]; caption?: string }) {
	const t = useText(common);
	if (lines.length === 0) return <p className="hw-quiet">{t("nothingChanges")}</p>;
	return (
		<div className="hw-scroll">
			<table className="hw-diff">
				{caption && <caption className="hw-unseen">{caption}</caption>}
				<thead>
					<tr>
						<th scope="col">{t("field")}</th>
						<th scope="col">{t("before")}</th>
						<th scope="col">{t("after")}</th>
					</tr>
				</thead>
				<tbody>
					{lines.map((line) => {
						const row = diffRow(line);
						return (
							<tr key={line}>
								<th scope="row">
									<code>{row.field}</code>
								</th>
								<td>
									{row.before === "none" ? <span className="hw-quiet">{t("none")}</span> : <del>{row.before}</del>}
								</td>
								<td>{row.after === "none" ? <span className="hw-quiet">{t("none")}</span> : <ins>{row.after}</ins>}</td>
							</tr>
						);
					})}
				</tbody>
			</table>
		</div>
	);
}
