// What has happened, newest first.
import { ago, clock, moment, number } from "../../i18n/format";
import { healthTexts } from "../../i18n/health";
import { useText } from "../../i18n/i18n";
import { Card } from "../../parts/Card";
import { EmptyState } from "../../parts/EmptyState";
import { StateDot } from "../../parts/StateDot";
import { reasonWords } from "../monitoring/reasons";
import type { Happening } from "./happenings";
import { countdown } from "./words";

const HOUR_MS = 3600 * 1000;

function Details({ one }: { one: Happening }) {
	const t = useText(healthTexts);
	const parts = [
		one.reason && reasonWords(one.reason),
		one.roles &&
			one.roles.length > 0 &&
			one.roles.map((role) => t(role === "backup" ? "roleBackup" : "roleMaster")).join(", "),
		one.edges.length > 1
			? t("onEdges", { count: one.edges.length })
			: one.edges[0] && t("onEdge", { edge: one.edges[0] }),
		one.who && t("evBy", { who: one.who }),
		one.failover &&
			(one.failover.isOver
				? t("evFailoverOver", {
						count: number(one.failover.count),
						time: countdown(Math.max(1000, one.failover.lastMs - one.atMs)),
					})
				: t("evFailoverCount", { count: number(one.failover.count) })),
	].filter(Boolean);
	return parts.length > 0 ? <span className="hw-events__details">{parts.join(" · ")}</span> : null;
}

export function EventsPanel({ happenings, nowMs }: { happenings: readonly Happening[]; nowMs: number }) {
	const t = useText(healthTexts);
	return (
		<Card
			id="health-events"
			title={t("events")}
			note={<span className="hw-quiet hw-health__note">{t("eventsHint")}</span>}
		>
			{happenings.length === 0 ? (
				<EmptyState title={t("noEvents")}>{t("noEventsHint")}</EmptyState>
			) : (
				// biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is to be scrolled by keyboard
				<div className="hw-events" role="log" tabIndex={0} aria-labelledby="health-events-title">
					<ol>
						{happenings.map((one) => (
							<li key={one.id} className={`hw-events__one hw-events__one--${one.tone}`}>
								<time dateTime={new Date(one.atMs).toISOString()} title={moment(one.atMs)} className="hw-number">
									{nowMs - one.atMs < HOUR_MS ? clock(one.atMs) : ago(one.atMs, nowMs)}
								</time>
								<StateDot tone={one.tone}>{""}</StateDot>
								<span className="hw-events__text">
									<span>{t(one.text, one.words)}</span>
									<Details one={one} />
								</span>
							</li>
						))}
					</ol>
				</div>
			)}
		</Card>
	);
}
