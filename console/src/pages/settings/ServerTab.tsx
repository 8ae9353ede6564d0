// The control plane, and its edges with what each has applied; live.
import { useEdges, useStatus } from "../../api/queries";
import type { Edge } from "../../api/types";
import { common } from "../../i18n/common";
import { ago, bytes, moment, number } from "../../i18n/format";
import { useText } from "../../i18n/i18n";
import { settingTexts } from "../../i18n/settings";
import { Alert } from "../../parts/Alert";
import { Card, Facts } from "../../parts/Card";
import { EmptyState } from "../../parts/EmptyState";
import { Loading } from "../../parts/Loading";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { Scroll } from "../../parts/Scroll";
import { StateDot } from "../../parts/StateDot";
import { Tag } from "../../parts/Tag";
import { useCertificates } from "./queries";

const EDGES_MS = 2000;
const SKEW_MS = 120000;

function Applied({ edge, revision }: { edge: Edge; revision: number }) {
	const t = useText(settingTexts);
	if (edge.refused !== undefined && edge.refused > edge.applied) {
		return (
			<Tag tone="bad" title={edge.error}>
				{t("refused", { revision: edge.refused })}
			</Tag>
		);
	}
	const lag = revision - edge.applied;
	return lag > 0 ? (
		<Tag tone="busy">{t("behind", { count: number(lag) })}</Tag>
	) : (
		<Tag tone="good">{t("upToDate")}</Tag>
	);
}

function Shown({ edge, revision }: { edge: Edge; revision: number | undefined }) {
	const t = useText(settingTexts);
	if (revision === undefined || revision === 0) return <span className="hw-quiet">—</span>;
	return (edge.shown ?? 0) >= revision ? (
		<Tag tone="good">{t("upToDate")}</Tag>
	) : (
		<Tag tone="busy">{edge.shown ?? 0}</Tag>
	);
}

function EdgesCard({ version }: { version: string | undefined }) {
	const t = useText(settingTexts);
	const edges = useEdges(EDGES_MS);
	const certificates = useCertificates();
	const connected = edges.data?.items.filter((edge) => edge.is_connected).length ?? 0;
	return (
		<Card
			title={t("edgesHere")}
			id="edges"
			note={edges.data && <span className="hw-quiet">{t("edgesCount", { count: number(connected) })}</span>}
		>
			{edges.isPending ? (
				<Loading rows={4} />
			) : edges.isError ? (
				<ProblemAlert error={edges.error} onRetry={() => edges.refetch()} />
			) : edges.data.items.length === 0 ? (
				<EmptyState title={t("noEdges")}>{t("noEdgesHint")}</EmptyState>
			) : (
				<Scroll label={t("edgesHere")}>
					<table className="hw-table hw-table--lines">
						<thead>
							<tr>
								<th scope="col">{t("edgeId")}</th>
								<th scope="col">{t("edgeState")}</th>
								<th scope="col">{t("since")}</th>
								<th scope="col">{t("from")}</th>
								<th scope="col">{t("applied")}</th>
								<th scope="col">{t("shownCerts")}</th>
								<th scope="col" className="hw-number">
									{t("purged")}
								</th>
								<th scope="col">{t("version")}</th>
							</tr>
						</thead>
						<tbody>
							{edges.data.items.map((edge) => (
								<tr key={edge.id}>
									<th scope="row">{edge.id}</th>
									<td>
										<StateDot tone={edge.is_connected ? "good" : "warn"}>
											{t(edge.is_connected ? "connected" : "away")}
										</StateDot>
									</td>
									<td>
										<time title={moment(edge.since_ms)}>{ago(edge.since_ms)}</time>
									</td>
									<td>{edge.from ?? <span className="hw-quiet">{t("local")}</span>}</td>
									<td>
										<span className="hw-row hw-nowrap">
											<span className="hw-plain">{number(edge.applied)}</span>
											<Applied edge={edge} revision={edges.data.revision} />
										</span>
									</td>
									<td>
										<Shown edge={edge} revision={certificates.data?.revision} />
									</td>
									<td className="hw-number">{number(edge.purged)}</td>
									<td title={edge.run && t("process", { run: edge.run })}>
										{edge.version === undefined || edge.version === version ? (
											(edge.version ?? <span className="hw-quiet">—</span>)
										) : (
											<Tag tone="warn" title={t("otherVersion")}>
												{edge.version}
											</Tag>
										)}
									</td>
								</tr>
							))}
						</tbody>
					</table>
				</Scroll>
			)}
		</Card>
	);
}

export default function ServerTab() {
	const t = useText(settingTexts);
	const c = useText(common);
	const status = useStatus();
	// Both clocks are read at about the same moment; minutes of difference make times here confusing.
	const skew = status.data ? Math.abs(status.data.now_ms - status.dataUpdatedAt) : 0;
	return (
		<>
			{skew > SKEW_MS && <Alert tone="warning">{t("skew", { minutes: number(skew / 60000) })}</Alert>}
			<Card title={t("plane")} id="plane">
				{status.isPending ? (
					<Loading rows={3} />
				) : status.isError ? (
					<ProblemAlert error={status.error} onRetry={() => status.refetch()} />
				) : (
					<Facts
						rows={[
							[t("version"), status.data.version],
							[
								t("runs"),
								<time key="runs" title={moment(status.data.began_ms)}>
									{ago(status.data.began_ms, status.data.now_ms)}
								</time>,
							],
							[
								t("store"),
								status.data.store.works ? (
									<StateDot key="store" tone="good">
										{status.data.store.bytes === undefined
											? t("storeWorks")
											: t("storeWorksSize", { size: bytes(status.data.store.bytes) })}
									</StateDot>
								) : (
									<StateDot key="store" tone="bad">
										{status.data.store.error ?? c("problem")}
									</StateDot>
								),
							],
							[t("domains"), number(status.data.domains)],
							[t("revision"), number(status.data.revision)],
							[t("rules"), status.data.rules],
							[
								t("managedBy"),
								status.data.managed_by === "store" ? t("fromStore") : <code key="file">{status.data.managed_by}</code>,
							],
							[
								t("links"),
								<span key="links" className="hw-links">
									<a href="/api/v1/openapi.yaml" target="_blank" rel="noreferrer">
										{t("contract")}
									</a>
									<a href="/metrics" target="_blank" rel="noreferrer">
										{t("metrics")}
									</a>
								</span>,
							],
						]}
					/>
				)}
			</Card>
			<EdgesCard version={status.data?.version} />
		</>
	);
}
