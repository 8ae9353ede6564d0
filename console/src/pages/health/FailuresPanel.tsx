// Which origin-pulls have failed in the last hour, and why, of the master and the hot backup.
import { useQuery } from "@tanstack/react-query";
import { get } from "../../api/client";
import { keys } from "../../api/queries";
import type { Stats } from "../../api/types";
import { number, percent, short } from "../../i18n/format";
import { healthTexts } from "../../i18n/health";
import { useText } from "../../i18n/i18n";
import { Card } from "../../parts/Card";
import { EmptyState } from "../../parts/EmptyState";
import { Loading } from "../../parts/Loading";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { failuresOf } from "../monitoring/failures";
import { reasonWords } from "../monitoring/reasons";
import { reasonKey } from "./flows";

interface Row {
	role: "master" | "backup";
	reason: string;
	count: number;
	recent: number;
}

function rowsOf(stats: Stats, recent: ReadonlyMap<string, number>): Row[] {
	const of = (role: Row["role"], faults: Record<string, number>) =>
		Object.entries(faults).map(([reason, count]) => ({
			role,
			reason,
			// What has just failed is counted some seconds later.
			count: Math.max(count, recent.get(reasonKey(role, reason)) ?? 0),
			recent: recent.get(reasonKey(role, reason)) ?? 0,
		}));
	const rows = [...of("master", failuresOf(stats.origin.total)), ...of("backup", failuresOf(stats.backup.total))];
	// What has just begun is not counted yet, and is told by the log.
	for (const [key, count] of recent) {
		const [role, reason] = key.split("\n") as [Row["role"], string];
		if (!rows.some((row) => row.role === role && row.reason === reason))
			rows.push({ role, reason, count, recent: count });
	}
	return rows.sort((a, b) => b.count - a.count);
}

export function FailuresPanel({ domain, recent }: { domain: string; recent: ReadonlyMap<string, number> }) {
	const t = useText(healthTexts);
	const query = useQuery({
		queryKey: [...keys.stats, "hour", domain],
		queryFn: ({ signal }) => get("/stats", { query: { domain }, signal }),
		refetchInterval: 15000,
	});
	const rows = query.data ? rowsOf(query.data, recent) : [];
	const most = Math.max(1, ...rows.map((row) => row.count));
	const pulls = query.data ? query.data.origin.total.pulls + query.data.backup.total.pulls : 0;
	const failed = rows.reduce((sum, row) => sum + row.count, 0);
	return (
		<Card
			id="health-failures"
			title={t("failuresTitle")}
			note={
				<span className="hw-quiet hw-health__note" title={t("lateHint")}>
					{t("lastHour")}
				</span>
			}
		>
			{query.error && !query.data ? (
				<ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
			) : !query.data ? (
				<Loading rows={4} />
			) : rows.length === 0 ? (
				<EmptyState title={t("noFailures")}>{t("noFailuresHint")}</EmptyState>
			) : (
				<>
					{pulls > 0 && (
						<p className="hw-quiet hw-failures__sum">
							{t("ofPulls", {
								failed: number(failed),
								pulls: number(Math.max(pulls, failed)),
								share: percent(failed / Math.max(pulls, failed)),
							})}
						</p>
					)}
					<ul className="hw-failures">
						{rows.map((row) => (
							<li key={reasonKey(row.role, row.reason)}>
								<span className="hw-failures__name">
									<span className={`hw-tag hw-tag--${row.role === "master" ? "brand" : "idle"}`}>
										{t(row.role === "master" ? "roleMaster" : "roleBackup")}
									</span>
									<span title={row.reason}>{reasonWords(row.reason)}</span>
									<code className="hw-quiet">{row.reason}</code>
								</span>
								<span className="hw-failures__count hw-number" title={number(row.count)}>
									{short(row.count)}
								</span>
								<span className="hw-failures__bar" aria-hidden="true">
									<span style={{ width: `${(row.count / most) * 100}%` }} />
								</span>
								<span className="hw-failures__recent">
									{row.recent > 0 ? t("justNow", { count: number(row.recent) }) : ""}
								</span>
							</li>
						))}
					</ul>
				</>
			)}
		</Card>
	);
}
