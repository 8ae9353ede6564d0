// Live health of one domain: what it comes to, how it is pulled right now, what fails, and what happens.
import { useState } from "react";
import { useParams } from "react-router";
import { useDomain } from "../../api/queries";
import { number, percent } from "../../i18n/format";
import { healthTexts } from "../../i18n/health";
import { useText } from "../../i18n/i18n";
import { Button } from "../../parts/Button";
import { Card } from "../../parts/Card";
import { Loading } from "../../parts/Loading";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { Segments } from "../../parts/Segments";
import { EventsPanel } from "./EventsPanel";
import { FailuresPanel } from "./FailuresPanel";
import { Glyph } from "./Glyph";
import { type LiveFlows, RATE_S, useLive, useMap, useStates } from "./live";
import { AddressDetails, MapTable } from "./MapTable";
import { MapView } from "./MapView";
import type { MapModel, Verdict } from "./map";
import { Pulse } from "./Pulse";
import { rate } from "./words";
import "./health.css";

const LOOKS = {
	allWell: ["serving", "good"],
	quiet: ["unused", "idle"],
	noEdges: ["unknown", "warn"],
	someBlocked: ["probing", "warn"],
	recovering: ["ramping", "busy"],
	backupAnswers: ["probing", "warn"],
	backupBlocked: ["probing", "warn"],
	nothingLeft: ["blocked", "bad"],
} as const satisfies Record<Verdict, readonly [string, string]>;

function VerdictLine({ model, isOffline }: { model: MapModel; isOffline: boolean }) {
	const t = useText(healthTexts);
	const [word, tone] = isOffline ? (["drained", "idle"] as const) : LOOKS[model.verdict];
	const words = { blocked: model.blockedMasters, all: model.masters.length };
	const isPartly = model.verdict === "someBlocked" && model.blockedMasters === model.masters.length;
	return (
		<p className={`hw-health__verdict hw-health__verdict--${tone}`} role="status">
			<Glyph word={word} tone={tone} />
			<span>{t(isOffline ? "offline" : isPartly ? "someBlockedBackup" : model.verdict, words)}</span>
		</p>
	);
}

function Numbers({ flows, edge }: { flows: LiveFlows; edge?: string }) {
	const t = useText(healthTexts);
	const { rates } = flows;
	const isKnown = rates.seconds > 0;
	const flow = edge === undefined ? rates.all : rates.edges.get(edge);
	const of = (value: number | undefined) => (isKnown ? t("perSecond", { rate: rate(value ?? 0) }) : "–");
	const tiles = [
		["hitRatio", flow && flow.requests > 0 ? percent(flow.hits / flow.requests) : "–", ""],
		["pulls", of(flow?.pulls), ""],
		["failures", of(flow?.failures), flow && flow.failures > 0 ? "bad" : ""],
		["byBackup", of(flow?.backup), flow && flow.backup > 0 ? "warn" : ""],
		["errors", of(flow?.errors), flow && flow.errors > 0 ? "bad" : ""],
	] as const;
	return (
		<dl className="hw-health__numbers">
			<div className="hw-health__number hw-health__number--wide">
				<dt>{t("requests")}</dt>
				<dd className="hw-number">
					{of(flow?.requests)}
					<Pulse line={flows.line} label={t("lastMinutes")} />
				</dd>
			</div>
			{tiles.map(([name, value, tone]) => (
				<div key={name} className={`hw-health__number${tone ? ` hw-health__number--${tone}` : ""}`}>
					<dt>{t(name)}</dt>
					<dd className="hw-number">{value}</dd>
				</div>
			))}
		</dl>
	);
}

export default function HealthPage() {
	const t = useText(healthTexts);
	const name = useParams().name ?? "";
	const [edge, setEdge] = useState<string>();
	const [view, setView] = useState<"map" | "table">("map");
	const [selected, setSelected] = useState<string>();
	const domain = useDomain(name);
	const states = useStates(name);
	const { flows, happenings } = useLive(name, states.health.data, edge);
	const model = useMap(states, domain.data, flows.rates, edge);
	const ageMs = Math.max(0, flows.nowMs - states.health.dataUpdatedAt);
	const hasFlows = flows.rates.seconds > 0;
	const nodes = model ? [...model.masters, ...(model.backups ?? [])] : [];
	const node = nodes.find((one) => one.key === selected);
	const error = states.health.error ?? domain.error;

	if (error && !model) {
		return <ProblemAlert error={error} onRetry={() => void states.health.refetch()} />;
	}
	return (
		<div className="hw-stack hw-health">
			{error && <ProblemAlert error={error} onRetry={() => void states.health.refetch()} />}
			{model && states.health.data ? (
				<VerdictLine model={model} isOffline={domain.data?.status === "offline"} />
			) : (
				<div className="hw-health__verdict">
					<Loading rows={1} height={20} />
				</div>
			)}
			<Numbers flows={flows} edge={edge} />
			<Card
				id="health-map"
				title={t("map")}
				note={
					<span className="hw-quiet hw-health__note">
						{flows.state === "lost" && !hasFlows
							? t("noTail")
							: hasFlows
								? `${t("window", { seconds: number(Math.min(RATE_S, Math.max(1, Math.round(flows.rates.seconds)))) })}${
										flows.rates.isEstimate ? ` · ${t("estimate")}` : ""
									}`
								: t("notListening")}
					</span>
				}
				actions={
					<Segments
						label={t("view")}
						value={view}
						onChange={setView}
						options={[
							{ value: "map", label: t("map") },
							{ value: "table", label: t("table") },
						]}
					/>
				}
			>
				{edge !== undefined && (
					<p className="hw-health__scope">
						{t("showingEdge", { edge })}
						<Button variant="text" theme="primary" size="small" onClick={() => setEdge(undefined)}>
							{t("showAll")}
						</Button>
					</p>
				)}
				{!model ? (
					<div className="hw-health__room">
						<Loading rows={4} height={32} />
					</div>
				) : view === "map" ? (
					<MapView
						name={name}
						model={model}
						hasFlows={hasFlows}
						hasPulls={model.hasPulls}
						scope={edge}
						onScope={setEdge}
						selected={node?.key}
						onSelect={setSelected}
						ageMs={ageMs}
						hasBucket={domain.data !== undefined && domain.data.origin.type !== "self"}
					/>
				) : (
					<MapTable model={model} ageMs={ageMs} hasFlows={model.hasPulls} />
				)}
				{node && view === "map" && (
					<AddressDetails
						node={node}
						ageMs={ageMs}
						hasFlows={model?.hasPulls ?? false}
						onClose={() => setSelected(undefined)}
					/>
				)}
				{(states.health.data?.others.length ?? 0) > 0 && (
					<p className="hw-quiet hw-health__others">
						{t("others", {
							addresses: [...new Set(states.health.data?.others.map((one) => one.address ?? ""))]
								.filter(Boolean)
								.join(", "),
						})}
					</p>
				)}
			</Card>
			{/* What is below comes once it is known how high the map is. */}
			{model && (
				<div className="hw-health__below">
					<EventsPanel happenings={happenings} nowMs={flows.nowMs} />
					<FailuresPanel domain={name} recent={flows.reasons} />
				</div>
			)}
		</div>
	);
}
