// The purges so far: who asked for what, and what came of it.
import { useState } from "react";
import { useSettingsAnswer } from "../../api/settings";
import { common } from "../../i18n/common";
import { ago, moment } from "../../i18n/format";
import { useText } from "../../i18n/i18n";
import { purgeTexts } from "../../i18n/purge";
import { Button } from "../../parts/Button";
import { Card, Facts } from "../../parts/Card";
import { CopyButton } from "../../parts/CopyButton";
import { Dialog } from "../../parts/Dialog";
import { EmptyState } from "../../parts/EmptyState";
import { Loading } from "../../parts/Loading";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { Tag } from "../../parts/Tag";
import { WhoWords } from "../../parts/WhoWords";
import { useSession } from "../../session/session";
import type { PurgeDraft } from "./PurgeForm";
import { PurgeBar, PurgeProgress, PurgeStateTag } from "./PurgeProgress";
import { type PurgeListed, stateOf, usePurges } from "./queries";

function draftOf({ purge }: PurgeListed): PurgeDraft {
	const isDomain = purge.what === "domain";
	return {
		what: purge.what,
		text: isDomain ? "" : purge.values.join("\n"),
		domains: isDomain ? purge.values : [],
		domain: purge.domain ?? "",
		mode: purge.mode,
	};
}

function Details({ one, onClose, onRepeat }: { one: PurgeListed; onClose: () => void; onRepeat: () => void }) {
	const t = useText(purgeTexts);
	const c = useText(common);
	const session = useSession();
	const { purge } = one;
	const reason = session.may("operator")
		? undefined
		: c("notAllowed", { role: c(`role_${session.role}`), needed: c("role_operator") });
	return (
		<Dialog
			title={t("purge", { number: one.number })}
			onClose={onClose}
			isDrawer
			footer={
				<>
					<Button onClick={onClose}>{c("close")}</Button>
					<Button theme="primary" disabled={reason !== undefined} title={reason} onClick={onRepeat}>
						{t("repeat")}
					</Button>
				</>
			}
		>
			<PurgeProgress number={one.number} />
			<Facts
				rows={[
					[t("when"), moment(one.at_ms)],
					[t("who"), <WhoWords key="who" who={one.who} />],
					[t("what"), t(purge.what)],
					[t("mode"), t(purge.mode)],
					purge.domain !== undefined && [t("tagDomain"), purge.domain],
				]}
			/>
			<section className="hw-words">
				<div className="hw-row">
					<h3>{`${t("values")} (${purge.values.length})`}</h3>
					<CopyButton text={() => purge.values.join("\n")} size="small" variant="text" />
				</div>
				<ul className="hw-purge__values">
					{purge.values.map((value) => (
						<li key={value}>
							<code>{value}</code>
						</li>
					))}
				</ul>
			</section>
		</Dialog>
	);
}

function Row({ one, onOpen }: { one: PurgeListed; onOpen: () => void }) {
	const t = useText(purgeTexts);
	const { purge } = one;
	const [first] = purge.values;
	return (
		<tr>
			<td className="hw-purge__no">
				<button type="button" className="hw-link" onClick={onOpen} aria-label={t("open", { number: one.number })}>
					{one.number}
				</button>
			</td>
			<td>
				<time dateTime={new Date(one.at_ms).toISOString()} title={moment(one.at_ms)}>
					{ago(one.at_ms)}
				</time>
			</td>
			<td>
				<WhoWords who={one.who} />
			</td>
			<td className="hw-purge__what">
				<span className="hw-purge__kind">
					<Tag>{t(purge.what)}</Tag>
				</span>
				<span className="hw-purge__first">
					<code title={first}>{first}</code>
					{purge.values.length > 1 && (
						<span className="hw-quiet">{t("andMore", { count: purge.values.length - 1 })}</span>
					)}
					{purge.domain !== undefined && <span className="hw-quiet">{t("onDomain", { domain: purge.domain })}</span>}
				</span>
			</td>
			<td>{t(purge.mode === "soft" ? "soft" : "hard").split(/[:：]/)[0]}</td>
			<td>
				{one.edges > 0 ? (
					<PurgeBar done={one.done} failed={one.failed} all={one.edges} />
				) : (
					<span className="hw-quiet">—</span>
				)}
			</td>
			<td>
				<PurgeStateTag state={stateOf(one)} />
			</td>
		</tr>
	);
}

export function PurgeHistory({ onRepeat }: { onRepeat: (draft: PurgeDraft) => void }) {
	const t = useText(purgeTexts);
	const c = useText(common);
	const purges = usePurges();
	const settings = useSettingsAnswer();
	const [open, setOpen] = useState<PurgeListed>();
	const items = purges.data?.pages.flatMap((page) => page.items) ?? [];
	const days = settings.data?.items.find((one) => one.name === "purge_days")?.value;

	return (
		<Card
			title={t("past")}
			id="past-purges"
			note={days !== undefined && <span className="hw-quiet">{t("pastHint", { days })}</span>}
		>
			{purges.isPending ? (
				<Loading rows={5} />
			) : purges.isError ? (
				<ProblemAlert error={purges.error} onRetry={() => purges.refetch()} />
			) : items.length === 0 ? (
				<EmptyState title={t("nonePast")}>{t("nonePastHint")}</EmptyState>
			) : (
				<>
					<div className="hw-scroll">
						<table className="hw-table hw-purge__past">
							<thead>
								<tr>
									<th scope="col">{t("number")}</th>
									<th scope="col">{t("when")}</th>
									<th scope="col">{t("who")}</th>
									<th scope="col">{t("what")}</th>
									<th scope="col">{t("mode")}</th>
									<th scope="col">{t("edges")}</th>
									<th scope="col">{c("status")}</th>
								</tr>
							</thead>
							<tbody>
								{items.map((one) => (
									<Row key={one.number} one={one} onOpen={() => setOpen(one)} />
								))}
							</tbody>
						</table>
					</div>
					{purges.hasNextPage && (
						<div className="hw-purge__older">
							<Button loading={purges.isFetchingNextPage} onClick={() => purges.fetchNextPage()}>
								{t("older")}
							</Button>
						</div>
					)}
				</>
			)}
			{open && (
				<Details
					one={open}
					onClose={() => setOpen(undefined)}
					onRepeat={() => {
						onRepeat(draftOf(open));
						setOpen(undefined);
					}}
				/>
			)}
		</Card>
	);
}
