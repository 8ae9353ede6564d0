// The history of a domain: who changed what, and the way back to a version.
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useParams } from "react-router";
import { get, rehearse, request } from "../../api/client";
import { keys, useDomain } from "../../api/queries";
import type { Version } from "../../api/types";
import { actionTexts, domainTexts } from "../../i18n/domains";
import { ago, moment } from "../../i18n/format";
import { say, useText } from "../../i18n/i18n";
import { Button } from "../../parts/Button";
import { ConfirmWithDiff } from "../../parts/ConfirmWithDiff";
import { DiffView } from "../../parts/DiffView";
import { EmptyState } from "../../parts/EmptyState";
import { Loading } from "../../parts/Loading";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { Tag } from "../../parts/Tag";
import { useForbidden } from "../../session/forbidden";
import { announce, backTo } from "./actions";
import "./domains.css";

const PAGE = 20;

/** What was done, in words; an action that has none here is shown as it is. */
export function actionWords(action: string): string {
	const pair = (actionTexts as Record<string, readonly [string, string]>)[action];
	return pair ? say(pair) : action;
}

export default function HistoryPage() {
	const t = useText(domainTexts);
	const name = useParams().name ?? "";
	const domain = useDomain(name);
	const forbidden = useForbidden("admin");
	const [asked, setAsked] = useState<number>();
	const history = useInfiniteQuery({
		queryKey: [...keys.history(name), "pages"],
		queryFn: ({ pageParam, signal }) =>
			get("/domains/{name}/history", { path: { name }, query: { limit: PAGE, before: pageParam }, signal }),
		initialPageParam: 0,
		getNextPageParam: (last) => last.next,
	});
	const versions = history.data?.pages.flatMap((page) => page.items);
	const now = domain.data?.revision;

	if (history.error && !versions) return <ProblemAlert error={history.error} onRetry={() => history.refetch()} />;
	return (
		<section className="hw-versions" aria-label={t("historyLead")}>
			<p className="hw-quiet">{t("historyLead")}</p>
			{!versions ? (
				<div className="hw-card">
					<Loading rows={6} />
				</div>
			) : versions.length === 0 ? (
				<EmptyState title={t("historyEmpty")} />
			) : (
				versions.map((version) => (
					<article key={version.revision} className="hw-card">
						<div className="hw-version__head">
							<h2>{actionWords(version.action)}</h2>
							<Tag>{t("revisionN", { n: version.revision })}</Tag>
							{version.revision === now && <Tag tone="good">{t("current")}</Tag>}
							<span className="hw-quiet" title={moment(version.at_ms)}>
								{t("by", { who: version.who, ago: ago(version.at_ms) })}
							</span>
							<span>
								{version.revision !== now && version.what !== "removed" && (
									<Button
										size="small"
										aria-label={t("rollbackTo", { revision: version.revision })}
										disabled={Boolean(forbidden)}
										title={forbidden}
										onClick={() => setAsked(version.revision)}
									>
										{t("rollback")}
									</Button>
								)}
							</span>
						</div>
						<VersionBody version={version} />
					</article>
				))
			)}
			{history.hasNextPage && (
				<div>
					<Button loading={history.isFetchingNextPage} onClick={() => void history.fetchNextPage()}>
						{t("older")}
					</Button>
				</div>
			)}
			{asked !== undefined && <RollbackDialog name={name} to={asked} now={now} onClose={() => setAsked(undefined)} />}
		</section>
	);
}

function VersionBody({ version }: { version: Version }) {
	const t = useText(domainTexts);
	if (version.what === "removed") return <p className="hw-quiet">{t("removedVersion")}</p>;
	return <DiffView lines={version.diff} />;
}

function RollbackDialog({ name, to, now, onClose }: { name: string; to: number; now?: number; onClose: () => void }) {
	const t = useText(domainTexts);
	const client = useQueryClient();
	const path = { name };
	const options = { path, body: { revision: to }, ifMatch: now };
	return (
		<ConfirmWithDiff
			title={t("rollbackTitle", { name, revision: to })}
			confirmLabel={t("rollback")}
			rehearse={() => rehearse("post", "/domains/{name}/rollback", options)}
			onConfirm={async () => {
				const { revision } = await request("post", "/domains/{name}/rollback", options);
				const done = {
					client,
					name,
					words: t("rolledBack", { name, revision: to }),
					undone: t("rolledBack", { name, revision: now ?? 0 }),
				};
				announce(done, revision, now === undefined ? undefined : backTo(name, now));
			}}
			onClose={onClose}
		>
			<p>{t("rollbackWords")}</p>
		</ConfirmWithDiff>
	);
}
