// How far a purge is: how many edges have done it, and what each has made of it.
import { useText } from "../../i18n/i18n";
import { purgeTexts } from "../../i18n/purge";
import { Loading } from "../../parts/Loading";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { StateDot } from "../../parts/StateDot";
import { Tag } from "../../parts/Tag";
import { type PurgeProgressData, type PurgeState, usePurge } from "./queries";

const TONES = { waits: "busy", done: "good", failed: "bad" } as const;

export function PurgeStateTag({ state }: { state: PurgeState }) {
	const t = useText(purgeTexts);
	return (
		<Tag tone={TONES[state]}>
			{state === "waits" && <span className="hw-spin" aria-hidden="true" />}
			{t(state)}
		</Tag>
	);
}

/** How many of how many, as a bar and in words. */
export function PurgeBar({ done, failed, all }: { done: number; failed: number; all: number }) {
	const t = useText(purgeTexts);
	const share = (part: number) => `${all === 0 ? 0 : (part / all) * 100}%`;
	return (
		<span className="hw-bar">
			<span className="hw-bar__track" aria-hidden="true">
				<span className="hw-bar__part hw-bar__part--good" style={{ width: share(done) }} />
				<span className="hw-bar__part hw-bar__part--bad" style={{ width: share(failed) }} />
			</span>
			<span className="hw-bar__words">{t("progressOf", { done, all })}</span>
		</span>
	);
}

function EdgeRow({ edge, name }: { edge: PurgeProgressData["edges"][number]; name: string }) {
	const t = useText(purgeTexts);
	const words =
		edge.state === "done"
			? t("edgeDone")
			: edge.state === "failed"
				? (edge.error ?? t("edgeFailed"))
				: t(edge.is_connected ? "edgeWaits" : "edgeAway");
	const tone = edge.state === "waits" && !edge.is_connected ? "idle" : TONES[edge.state];
	return (
		<li className="hw-purge__edge">
			<strong>{name}</strong>
			<StateDot tone={tone}>{words}</StateDot>
		</li>
	);
}

export function PurgeProgress({ number }: { number: number }) {
	const t = useText(purgeTexts);
	const purge = usePurge(number);
	if (purge.isPending) return <Loading rows={3} />;
	if (purge.isError) return <ProblemAlert error={purge.error} onRetry={() => purge.refetch()} />;
	const { edges } = purge.data;
	const done = edges.filter((edge) => edge.state === "done").length;
	const failed = edges.filter((edge) => edge.state === "failed").length;
	return (
		<div className="hw-words" role="status">
			<div className="hw-row">
				<PurgeStateTag state={purge.data.state} />
				{edges.length > 0 ? (
					<PurgeBar done={done} failed={failed} all={edges.length} />
				) : (
					<span className="hw-quiet">{t("noEdges")}</span>
				)}
			</div>
			{edges.length > 0 && (
				<ul className="hw-purge__edges" aria-label={t("edges")}>
					{edges.map((edge) => (
						<EdgeRow key={edge.edge} edge={edge} name={edge.edge} />
					))}
				</ul>
			)}
		</div>
	);
}
