// A new domain: its name, its master origin, and a hot backup for those who want one. The server's own rules check it
// while it is typed.
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { idempotencyKey, rehearse, request } from "../../api/client";
import { isRefused } from "../../api/problem";
import { useStatus } from "../../api/queries";
import type { BackupRequest, DomainRequest, OriginRequest } from "../../api/types";
import { common } from "../../i18n/common";
import { domainTexts } from "../../i18n/domains";
import { useText } from "../../i18n/i18n";
import { originTexts } from "../../i18n/origin";
import { errorWords, problemDetail } from "../../i18n/problems";
import { shellTexts } from "../../i18n/shell";
import { Alert } from "../../parts/Alert";
import { Button } from "../../parts/Button";
import { Card } from "../../parts/Card";
import { Field, Switch, TextInput } from "../../parts/Field";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { StateDot } from "../../parts/StateDot";
import { useRehearsal } from "../../parts/useRehearsal";
import { useForbidden } from "../../session/forbidden";
import { Page } from "../../shell/Page";
import { freshDraft, requestOf } from "../origin/draft";
import { OriginForm } from "../origin/OriginForm";
import { useOriginErrors } from "../origin/useOriginErrors";
import { announce } from "./actions";
import "./domains.css";
import "../origin/origin.css";

export default function NewDomainPage() {
	const t = useText(domainTexts);
	const s = useText(shellTexts);
	const c = useText(common);
	const o = useText(originTexts);
	const navigate = useNavigate();
	const client = useQueryClient();
	const forbidden = useForbidden("admin");
	const rules = useStatus().data?.rules ?? "classic";
	const [name, setName] = useState("");
	const [isNameLeft, setIsNameLeft] = useState(false);
	const [origin, setOrigin] = useState(() => freshDraft("origin"));
	const [backup, setBackup] = useState(() => freshDraft("backup"));
	const [hasBackup, setHasBackup] = useState(false);
	const [failure, setFailure] = useState<unknown>();
	const [isBusy, setIsBusy] = useState(false);
	// What is sent again after the answer was lost is the same domain, not a second one.
	const key = useRef<{ body: string; key: string } | undefined>(undefined);
	const form = useRef<HTMLFormElement>(null);

	const mayHaveBackup = rules === "extended" || origin.type === "self";
	const withBackup = hasBackup && mayHaveBackup;
	const body = useMemo<DomainRequest>(
		() => ({
			name: name.trim(),
			origin: requestOf(origin, "origin") as OriginRequest,
			...(withBackup && { backup: requestOf(backup, "backup") as BackupRequest }),
		}),
		[name, origin, backup, withBackup],
	);
	const run = useRehearsal(
		JSON.stringify(body),
		(signal) => rehearse("post", "/domains", { body, signal }),
		!forbidden && !isBusy && name.trim() !== "",
	);
	const error = isRefused(failure, "invalid") || isRefused(failure, "exists") ? failure : run.error;
	const originErrors = useOriginErrors(error, "/origin", "origin");
	const backupErrors = useOriginErrors(error, "/backup", "backup");
	const nameError =
		body.name === ""
			? c("required")
			: isRefused(error, "exists")
				? problemDetail(error)
				: isRefused(error)
					? error.errors.filter((one) => one.pointer === "/name").map(errorWords)[0]
					: undefined;
	const isGood = Boolean(run.result) && !run.error && !run.isPending;

	async function submit() {
		originErrors.showAll();
		backupErrors.showAll();
		setIsNameLeft(true);
		setFailure(undefined);
		if (body.name === "" || (run.error && !run.isPending)) {
			requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
			return;
		}
		setIsBusy(true);
		const text = JSON.stringify(body);
		if (key.current?.body !== text) key.current = { body: text, key: idempotencyKey() };
		try {
			const { data, revision } = await request("post", "/domains", { body, idempotencyKey: key.current.key });
			announce(
				{
					client,
					name: data.name,
					words: t("created", { name: data.name }),
					undone: t("uncreated", { name: data.name }),
				},
				revision,
				(made) => request("delete", "/domains/{name}", { path: { name: data.name }, ifMatch: made }),
			);
			navigate(`/domains/${encodeURIComponent(data.name)}/basic`);
		} catch (caught) {
			setFailure(caught);
			setIsBusy(false);
		}
	}

	return (
		<Page title={s("newDomain")} above={[{ text: s("domains"), to: "/domains" }]} lead={t("newLead")}>
			{forbidden && <Alert tone="warning">{forbidden}</Alert>}
			<form
				ref={form}
				className="hw-new"
				noValidate
				onSubmit={(event) => {
					event.preventDefault();
					submit();
				}}
			>
				<Card id="step-name" title={t("stepName")}>
					<Field label={t("name")} id="name" hint={t("nameHint")} error={isNameLeft ? nameError : undefined} isRequired>
						<TextInput
							value={name}
							onChange={(next) => {
								setName(next);
								setFailure(undefined);
							}}
							onBlur={() => setIsNameLeft(name.trim() !== "")}
							placeholder="www.example.com"
							isCode
							autoFocus
							spellCheck={false}
							autoCapitalize="none"
						/>
					</Field>
				</Card>
				<Card id="step-origin" title={t("stepOrigin")}>
					<OriginForm
						draft={origin}
						onChange={(next) => {
							setOrigin(next);
							setFailure(undefined);
						}}
						role="origin"
						errorOf={originErrors.errorOf}
						onLeave={originErrors.leave}
						rules={rules}
						hasBackup={withBackup}
						isWildcard={name.trim().startsWith("*.")}
						prefix="origin"
					/>
				</Card>
				<Card
					id="step-backup"
					title={t("stepBackup")}
					actions={
						<Switch
							checked={withBackup}
							onChange={setHasBackup}
							disabled={!mayHaveBackup}
							aria-label={t("withHotBackup")}
						/>
					}
				>
					{!mayHaveBackup ? (
						<p className="hw-quiet">{t("noHotBackupBucket")}</p>
					) : !withBackup ? (
						<p className="hw-quiet">{o("noBackupHint")}</p>
					) : (
						<OriginForm
							draft={backup}
							onChange={(next) => {
								setBackup(next);
								setFailure(undefined);
							}}
							role="backup"
							errorOf={backupErrors.errorOf}
							onLeave={backupErrors.leave}
							rules={rules}
							hasBackup
							isWildcard={name.trim().startsWith("*.")}
							prefix="backup"
						/>
					)}
				</Card>
				{failure && !isRefused(failure, "invalid") && !isRefused(failure, "exists") ? (
					<ProblemAlert error={failure} />
				) : null}
				{run.error && !isRefused(run.error, "invalid") && !isRefused(run.error, "exists") ? (
					<ProblemAlert error={run.error} />
				) : null}
				<div className="hw-new__foot">
					<span role="status" className="hw-quiet">
						{isGood && <StateDot tone="good">{t("ready")}</StateDot>}
					</span>
					<Button onClick={() => navigate("/domains")}>{c("cancel")}</Button>
					<Button type="submit" theme="primary" loading={isBusy} disabled={Boolean(forbidden)} title={forbidden}>
						{t("create")}
					</Button>
				</div>
			</form>
		</Page>
	);
}
