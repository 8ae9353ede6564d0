// What was counted, of one domain or of all: sums at the top, and a chart for each thing.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import { useSearchParams } from "react-router";
import { get } from "../../api/client";
import { keys } from "../../api/queries";
import type { Stats } from "../../api/types";
import { bits, bytes, clock, number, percent, short } from "../../i18n/format";
import { useLanguage, useText } from "../../i18n/i18n";
import { monitoringTexts } from "../../i18n/monitoring";
import { Loading } from "../../parts/Loading";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { Segments } from "../../parts/Segments";
import { ChartCard } from "./ChartCard";
import { peakOf, RANGE_NAMES, RANGES, type RangeName, type Sheet, sheetOf } from "./charts";
import { failureCount } from "./failures";
import { stepText } from "./units";
import "./monitoring.css";

const OFTEN_MS = 15_000;
const SELDOM_MS = 60_000;
const CHARTS = 7;

/** The range, which the address of the page keeps. */
function useRange(): [RangeName, (range: RangeName) => void] {
	const [search, setSearch] = useSearchParams();
	const asked = search.get("range") as RangeName | null;
	// The address follows a moment later, and a choice is to be seen at once.
	const [range, setRange] = useState<RangeName>(asked && RANGE_NAMES.includes(asked) ? asked : "1h");
	return [
		range,
		(next) => {
			setRange(next);
			setSearch(
				(before) => {
					before.set("range", next);
					return before;
				},
				{ replace: true },
			);
		},
	];
}

function Sums({ stats, sheet }: { stats: Stats; sheet: Sheet }) {
	const t = useText(monitoringTexts);
	const client = stats.client.total;
	const roles = [stats.origin.total, stats.backup.total];
	const pulls = roles.reduce((sum, role) => sum + role.pulls, 0);
	const failed = roles.reduce((sum, role) => sum + failureCount(role), 0);
	const pulled = roles.reduce((sum, role) => sum + role.bytes, 0);
	const share = (part: number, whole: number) => (whole > 0 ? percent(part / whole, 2) : "–");
	const rows: [name: keyof typeof monitoringTexts, value: string, more: string, isBad: boolean, full?: string][] = [
		["totalRequests", short(client.requests), "", false, number(client.requests)],
		["totalTraffic", bytes(client.bytes_out), t("ofTraffic", { bytes: bytes(pulled) }), false],
		["peak", bits(peakOf(sheet)), "", false],
		["hitRatio", client.requests > 0 ? percent(client.hits / client.requests) : "–", "", false],
		["errorShare", share(client.status_5xx, client.requests), "", client.status_5xx > 0, number(client.status_5xx)],
		["totalPulls", short(pulls), "", false, number(pulls)],
		[
			"failedPulls",
			short(failed),
			pulls > 0 ? t("shareOf", { share: share(failed, pulls) }) : "",
			failed > 0,
			number(failed),
		],
	];
	return (
		<dl className="hw-sums">
			{rows.map(([name, value, more, isBad, full]) => (
				<div key={name} className={isBad ? "hw-sums__bad" : undefined}>
					<dt>{t(name)}</dt>
					<dd className="hw-number" title={full}>
						{value}
						<small>{more}</small>
					</dd>
				</div>
			))}
		</dl>
	);
}

interface Props {
	/** Undefined: all domains. */
	domain?: string;
	/** In front of the choice of the range. */
	children?: ReactNode;
}

export function MonitoringView({ domain, children }: Props) {
	const t = useText(monitoringTexts);
	const language = useLanguage();
	const [range, setRange] = useRange();
	const [timed, setTimed] = useState<"first_byte_us" | "whole_us">("first_byte_us");
	const query = useQuery({
		queryKey: [...keys.stats, "range", domain ?? "\n", range],
		queryFn: ({ signal }) => {
			const { span, step } = RANGES[range];
			return get("/stats", { query: { domain, from_ms: Date.now() - span, step }, signal });
		},
		placeholderData: keepPreviousData,
		refetchInterval: RANGES[range].step <= 60_000 ? OFTEN_MS : SELDOM_MS,
	});
	const { data, dataUpdatedAt } = query;
	// biome-ignore lint/correctness/useExhaustiveDependencies: another language is said anew
	const sheet = useMemo(() => data && sheetOf(data, dataUpdatedAt, timed), [data, dataUpdatedAt, timed, language]);
	const fileName = `headwater-${(domain ?? "all").replaceAll("*", "_")}-${range}`;
	return (
		<div className="hw-stack hw-monitoring">
			<div className="hw-monitoring__bar">
				{children}
				<Segments
					label={t("range")}
					value={range}
					onChange={setRange}
					options={RANGE_NAMES.map((name) => ({ value: name, label: t(name) }))}
				/>
				<span className="hw-monitoring__until" role="status">
					{query.isPlaceholderData
						? t("refreshing")
						: sheet && data && t("until", { time: clock(dataUpdatedAt), step: stepText(sheet.stepMs) })}
				</span>
			</div>
			{query.error && <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />}
			{data && sheet ? (
				<>
					<Sums stats={data} sheet={sheet} />
					{sheet.gaps.length > 0 && <p className="hw-quiet hw-monitoring__gaps">{t("gapHint")}</p>}
					<div className={`hw-charts${query.isPlaceholderData ? " hw-charts--old" : ""}`}>
						{sheet.charts.map((chart) => (
							<ChartCard
								key={chart.name}
								chart={chart}
								sheet={sheet}
								fileName={fileName}
								choice={
									chart.name === "latency" && (
										<Segments
											label={t("latencyKind")}
											value={timed}
											onChange={setTimed}
											options={[
												{ value: "first_byte_us", label: t("firstByte") },
												{ value: "whole_us", label: t("whole") },
											]}
										/>
									)
								}
							/>
						))}
					</div>
				</>
			) : (
				!query.error && (
					<>
						<div className="hw-sums hw-sums--room">
							<Loading rows={1} height={40} />
						</div>
						<div className="hw-charts">
							{Array.from({ length: CHARTS }, (_, index) => (
								// biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
								<div key={index} className="hw-card hw-charts__room">
									<Loading rows={3} height={24} />
								</div>
							))}
						</div>
					</>
				)
			)}
		</div>
	);
}
