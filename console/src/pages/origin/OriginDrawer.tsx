// Modify the master origin, add or modify the hot backup. What is typed is checked by a dry run as it is typed, which
// also shows what will change. Where another changes the domain meanwhile, that is told with the differences, and both
// can be kept.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { get, rehearse, request } from "../../api/client";
import { isRefused } from "../../api/problem";
import { keys } from "../../api/queries";
import type { BackupRequest, Domain, OriginRequest } from "../../api/types";
import { common } from "../../i18n/common";
import { ago } from "../../i18n/format";
import { useText } from "../../i18n/i18n";
import { originTexts } from "../../i18n/origin";
import { Alert } from "../../parts/Alert";
import { Button } from "../../parts/Button";
import { Dialog } from "../../parts/Dialog";
import { DiffView } from "../../parts/DiffView";
import { Tick } from "../../parts/Field";
import { Loading } from "../../parts/Loading";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { useRehearsal } from "../../parts/useRehearsal";
import { announce, backTo } from "../domains/actions";
import { type Draft, differing, draftOf, freshDraft, mergeDrafts, type Role, requestOf } from "./draft";
import { OriginForm } from "./OriginForm";
import { useOriginErrors } from "./useOriginErrors";

interface Props {
	domain: Domain;
	role: Role;
	rules: "classic" | "extended";
	onClose: () => void;
}

function draftIn(domain: Domain, role: Role): Draft {
	const origin = role === "origin" ? domain.origin : domain.backup;
	return origin ? draftOf(origin) : freshDraft(role);
}

export function OriginDrawer({ domain: given, role, rules, onClose }: Props) {
	const t = useText(originTexts);
	const c = useText(common);
	const client = useQueryClient();
	// The version that is edited; another takes its place only when it was looked at.
	const [base, setBase] = useState(given);
	const [draft, setDraft] = useState(() => draftIn(given, role));
	const [removesBackup, setRemovesBackup] = useState(false);
	const [conflicts, setConflicts] = useState<string[]>([]);
	const [failure, setFailure] = useState<unknown>();
	const [isBusy, setIsBusy] = useState(false);
	const [isLeaving, setIsLeaving] = useState(false);

	const { name } = base;
	const baseDraft = useMemo(() => draftIn(base, role), [base, role]);
	const isNew = role === "backup" && !base.backup;
	const isChanged = isNew ? differing(freshDraft(role), draft).length > 0 : differing(baseDraft, draft).length > 0;
	const isStale = given.revision !== base.revision;
	const body = useMemo(() => requestOf(draft, role), [draft, role]);
	const conflictsWithR1 = role === "origin" && rules === "classic" && draft.type !== "self" && Boolean(base.backup);
	const query = conflictsWithR1 && removesBackup ? ({ remove_backup: "1" } as const) : undefined;

	function ask(signal?: AbortSignal) {
		const path = { name };
		return role === "origin"
			? rehearse("put", "/domains/{name}/origin", {
					path,
					body: body as OriginRequest,
					ifMatch: base.revision,
					query,
					signal,
				})
			: rehearse("put", "/domains/{name}/backup", {
					path,
					body: body as BackupRequest,
					ifMatch: base.revision,
					signal,
				});
	}
	const run = useRehearsal(JSON.stringify([base.revision, body, query]), ask, !isStale && isChanged);
	const unfit = isRefused(failure, "invalid") ? failure : run.error;
	const errors = useOriginErrors(unfit, "", role);
	const lines = run.result?.changes.flatMap((change) => change.diff) ?? [];
	const showsErrors = Boolean(unfit);
	const isOutdated =
		isStale || isRefused(run.error, "precondition-failed") || isRefused(failure, "precondition-failed");
	const isGone = isRefused(run.error, "no-such-domain");

	async function submit() {
		errors.showAll();
		setFailure(undefined);
		// Where what is typed has not been answered yet, the change itself is checked just as well.
		if ((run.error && !run.isPending) || isStale) return;
		setIsBusy(true);
		try {
			const path = { name };
			const { revision } =
				role === "origin"
					? await request("put", "/domains/{name}/origin", {
							path,
							body: body as OriginRequest,
							ifMatch: base.revision,
							query,
						})
					: await request("put", "/domains/{name}/backup", {
							path,
							body: body as BackupRequest,
							ifMatch: base.revision,
						});
			const what = query
				? "modifiedAndRemoved"
				: role === "origin"
					? "modifiedMaster"
					: isNew
						? "added"
						: "modifiedBackup";
			const words = t(what, { name });
			announce(
				{ client, name, words, undone: t("undoneShort", { name, revision: base.revision }) },
				revision,
				backTo(name, base.revision),
			);
			onClose();
		} catch (error) {
			setFailure(error);
			setIsBusy(false);
		}
	}

	function leave() {
		if (isChanged && !isBusy) setIsLeaving(true);
		else onClose();
	}

	const title = t(role === "origin" ? "modifyMaster" : isNew ? "addBackup" : "modifyBackup");
	const submitLabel = query ? t("removeAndModify") : c("submit");
	return (
		<>
			<Dialog
				title={title}
				isDrawer
				width="large"
				onClose={leave}
				onSubmit={submit}
				footer={
					<>
						<Button onClick={leave} disabled={isBusy}>
							{c("cancel")}
						</Button>
						<Button
							type="submit"
							theme={query ? "danger" : "primary"}
							loading={isBusy}
							disabled={
								isOutdated || isGone || !isChanged || (run.result !== undefined && lines.length === 0 && !run.isPending)
							}
						>
							{submitLabel}
						</Button>
					</>
				}
			>
				{isGone && <Alert tone="error">{t("gone")}</Alert>}
				{isOutdated && !isGone && (
					<Meanwhile
						name={name}
						revision={base.revision}
						role={role}
						onRebase={(now, keepsMine) => {
							const theirs = draftIn(now, role);
							const merged = mergeDrafts(baseDraft, draft, theirs);
							setDraft(keepsMine ? merged.draft : theirs);
							setConflicts(keepsMine ? merged.conflicts : []);
							setBase(now);
							setFailure(undefined);
							client.setQueryData(keys.domain(name), now);
						}}
					/>
				)}
				{conflicts.length > 0 && <Alert tone="warning">{t("conflictOn", { fields: conflicts.join(", ") })}</Alert>}
				<OriginForm
					draft={draft}
					onChange={(next) => {
						setDraft(next);
						setFailure(undefined);
					}}
					role={role}
					errorOf={errors.errorOf}
					onLeave={errors.leave}
					rules={rules}
					hasBackup={role === "backup" || (Boolean(base.backup) && !query)}
					isWildcard={name.startsWith("*.")}
					prefix={role}
					typeNote={
						conflictsWithR1 && (
							<Alert tone="warning">
								<p>{t("r1Master", { addresses: base.backup?.addresses.join(", ") ?? "" })}</p>
								<Tick checked={removesBackup} onChange={setRemovesBackup}>
									{t("removeToo", { addresses: base.backup?.addresses.join(", ") ?? "" })}
								</Tick>
							</Alert>
						)
					}
				/>
				<section className="hw-form__changes" aria-live="polite">
					<h3>{t("whatChanges")}</h3>
					{!isChanged ? (
						<p className="hw-quiet">{c("nothingChanges")}</p>
					) : run.result && !showsErrors ? (
						<div className={run.isPending ? "hw-form__changes--old" : undefined}>
							<DiffView lines={lines} />
						</div>
					) : unfit && !isOutdated ? (
						<Unfit
							error={run.error}
							rest={conflictsWithR1 && !removesBackup ? errors.rest.filter((one) => one.rule !== "R1") : errors.rest}
							isAll={errors.isAll}
						/>
					) : run.isPending ? (
						<Loading rows={2} />
					) : null}
				</section>
				{failure && !isRefused(failure, "precondition-failed") && !isRefused(failure, "invalid") ? (
					<ProblemAlert error={failure} />
				) : null}
			</Dialog>
			{isLeaving && (
				<Dialog
					title={t("leave")}
					width="small"
					isOnTop
					onClose={() => setIsLeaving(false)}
					footer={
						<>
							<Button onClick={() => setIsLeaving(false)}>{t("stay")}</Button>
							<Button theme="danger" onClick={onClose}>
								{t("leaveYes")}
							</Button>
						</>
					}
				>
					<p>{t("leaveHint")}</p>
				</Dialog>
			)}
		</>
	);
}

/** What is typed breaks rules: those that stand at no field are told here. */
function Unfit({
	error,
	rest,
	isAll,
}: {
	error: unknown;
	rest: React.ComponentProps<typeof ProblemAlert>["errors"];
	isAll: boolean;
}) {
	const t = useText(originTexts);
	if (!isRefused(error, "invalid")) return <ProblemAlert error={error} />;
	if (rest && rest.length > 0 && isAll) return <ProblemAlert error={error} errors={rest} />;
	return <p className="hw-quiet">{t("fixFirst")}</p>;
}

interface MeanwhileProps {
	name: string;
	/** The version that is edited. */
	revision: number;
	role: Role;
	onRebase: (now: Domain, keepsMine: boolean) => void;
}

/** Another has changed the domain: who, what, and how to go on. */
function Meanwhile({ name, revision, role, onRebase }: MeanwhileProps) {
	const t = useText(originTexts);
	const alert = useRef<HTMLDivElement>(null);
	const theirs = useQuery({
		queryKey: ["meanwhile", name, revision],
		queryFn: async () => {
			const [now, history] = await Promise.all([
				get("/domains/{name}", { path: { name } }),
				get("/domains/{name}/history", { path: { name }, query: { limit: 20 } }),
			]);
			const versions = history.items.filter((version) => version.revision > revision);
			return { now, versions };
		},
		staleTime: 0,
		refetchInterval: 3000,
	});
	useEffect(() => alert.current?.scrollIntoView({ block: "nearest" }), []);
	const last = theirs.data?.versions[0];
	return (
		<div ref={alert}>
			<Alert tone="warning" isUrgent title={t("changedMeanwhile")}>
				<p>{last ? t("changedBy", { who: last.who, ago: ago(last.at_ms) }) : t("changedBySomebody")}</p>
				{theirs.error ? <ProblemAlert error={theirs.error} /> : null}
				{theirs.data && (
					<>
						{role === "backup" && !theirs.data.now.backup && revision > 0 && <p>{t("backupGone")}</p>}
						<p className="hw-form__label">{t("theirChanges")}</p>
						<DiffView lines={theirs.data.versions.toReversed().flatMap((version) => version.diff)} />
						<div className="hw-row hw-form__choices">
							<Button theme="primary" onClick={() => onRebase(theirs.data.now, true)}>
								{t("keepBoth")}
							</Button>
							<Button onClick={() => onRebase(theirs.data.now, false)}>{t("takeTheirs")}</Button>
						</div>
					</>
				)}
			</Alert>
		</div>
	);
}
