// The same as the map, as a table; and one address as each edge finds it.

import { faultWords } from "../../i18n/faults";
import { clock } from "../../i18n/format";
import { healthTexts } from "../../i18n/health";
import { useText } from "../../i18n/i18n";
import { viewOf } from "../origin/states";
import { Glyph } from "./Glyph";
import type { AddressNode, MapModel } from "./map";
import { countdown, latency, rate, stateWords } from "./words";

function leftOf(ms: number | undefined, ageMs: number): string {
	return ms === undefined ? "–" : countdown(Math.max(0, ms - ageMs));
}

/** The heads of what is found of an address, by all edges or by one. */
function FindingHeads() {
	const t = useText(healthTexts);
	return (
		<>
			<th scope="col">{t("state")}</th>
			<th scope="col" className="hw-number">
				{t("rate")}
			</th>
			<th scope="col" className="hw-number">
				{t("failedRate")}
			</th>
			<th scope="col" className="hw-number">
				{t("latency")}
			</th>
			<th scope="col">{t("reason")}</th>
			<th scope="col">{t("blockedSince")}</th>
			<th scope="col" className="hw-number">
				{t("leftColumn")}
			</th>
		</>
	);
}

export function MapTable({ model, ageMs, hasFlows }: { model: MapModel; ageMs: number; hasFlows: boolean }) {
	const t = useText(healthTexts);
	const nodes = [...model.masters, ...(model.backups ?? [])];
	return (
		<div className="hw-scroll">
			<table className="hw-table">
				<thead>
					<tr>
						<th scope="col">{t("address")}</th>
						<th scope="col">{t("role")}</th>
						<FindingHeads />
					</tr>
				</thead>
				<tbody>
					{nodes.map((node) => (
						<tr key={node.key}>
							<th scope="row">
								<code>{node.address}</code> {node.weight !== 1 && <span className="hw-quiet">×{node.weight}</span>}
							</th>
							<td>{t(node.role === "master" ? "roleMaster" : "roleBackup")}</td>
							<td>
								<span className="hw-health__state">
									<Glyph word={node.view.word} tone={node.view.tone} />
									{stateWords(node, t)}
								</span>
							</td>
							<td className="hw-number">{hasFlows ? t("perSecond", { rate: rate(node.flow.pulls) }) : "–"}</td>
							<td className="hw-number">{hasFlows ? t("perSecond", { rate: rate(node.flow.failures) }) : "–"}</td>
							<td className="hw-number">{node.view.latencyUs ? latency(node.view.latencyUs) : "–"}</td>
							<td>{node.view.reason ? faultWords(node.view.reason) : "–"}</td>
							<td>{node.sinceMs ? clock(node.sinceMs) : "–"}</td>
							<td className="hw-number">{leftOf(node.view.leftMs, ageMs)}</td>
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}

export function AddressDetails({
	node,
	ageMs,
	hasFlows,
	onClose,
}: {
	node: AddressNode;
	ageMs: number;
	hasFlows: boolean;
	onClose: () => void;
}) {
	const t = useText(healthTexts);
	const host = node.edges.find((one) => one.state === "blocked")?.of;
	return (
		<section className="hw-health__details" aria-label={t("details", { address: node.address })}>
			<header>
				<h3>{t("details", { address: node.address })}</h3>
				<button
					type="button"
					className="hw-icon-button"
					aria-label={t("closeDetails")}
					title={t("closeDetails")}
					onClick={onClose}
				>
					<svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
						<path d="M4 4l8 8M12 4l-8 8" fill="none" stroke="currentcolor" strokeWidth="1.6" strokeLinecap="round" />
					</svg>
				</button>
			</header>
			<p className="hw-quiet">
				{t(`${node.view.word}Hint`)} {host && t(host === "host" ? "ofHost" : "ofServer")}{" "}
				{node.resolved.length > 0 && t("connectsTo", { addresses: node.resolved.join(", ") })}
			</p>
			{node.edges.length > 0 && (
				<div className="hw-scroll">
					<table className="hw-table">
						<thead>
							<tr>
								<th scope="col">{t("edge")}</th>
								<FindingHeads />
							</tr>
						</thead>
						<tbody>
							{node.edges.map((one) => {
								const view = viewOf({ weight: node.weight, edges: [one] });
								const flow = node.flowOf(one.edge);
								return (
									<tr key={`${one.edge} ${one.address ?? ""} ${one.protocol ?? ""} ${one.server_name ?? ""}`}>
										<th scope="row">{one.edge}</th>
										<td>
											<span className="hw-health__state">
												<Glyph word={view.word} tone={view.tone} />
												{t(view.word)}
											</span>
										</td>
										<td className="hw-number">{hasFlows ? t("perSecond", { rate: rate(flow.pulls) }) : "–"}</td>
										<td className="hw-number">{hasFlows ? t("perSecond", { rate: rate(flow.failures) }) : "–"}</td>
										<td className="hw-number">{one.latency_us ? latency(one.latency_us) : "–"}</td>
										<td>{one.reason ? faultWords(one.reason) : "–"}</td>
										<td>{one.state === "blocked" && one.blocked_since_ms ? clock(one.blocked_since_ms) : "–"}</td>
										<td className="hw-number">{leftOf(one.state === "blocked" ? one.left_ms : undefined, ageMs)}</td>
									</tr>
								);
							})}
						</tbody>
					</table>
				</div>
			)}
		</section>
	);
}
