// Acceleration: what is set of a domain beside its origins, a card for each kind. What is typed is checked by the server's
// own rules (a dry run), and stays until it is saved or discarded: whatever others change, and whichever page is looked at
// in between.
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { rehearse, request } from "../../api/client";
import { isRefused } from "../../api/problem";
import { keys } from "../../api/queries";
import type { Domain } from "../../api/types";
import { common } from "../../i18n/common";
import { say, useText } from "../../i18n/i18n";
import { errorWords } from "../../i18n/problems";
import { ruleTexts } from "../../i18n/rules";
import { Alert } from "../../parts/Alert";
import { Button } from "../../parts/Button";
import { Card } from "../../parts/Card";
import { ConfirmWithDiff } from "../../parts/ConfirmWithDiff";
import { Field, Select, Switch, TextInput } from "../../parts/Field";
import { Loading } from "../../parts/Loading";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { useRehearsal } from "../../parts/useRehearsal";
import { useForbidden } from "../../session/forbidden";
import { announce, backTo } from "../domains/actions";
import { OfDomain } from "../domains/OfDomain";
import { HeaderRules } from "./HeaderRules";
import {
	changedOf,
	conflictsOf,
	currentOf,
	type Draft,
	isShown,
	patchOf,
	type Row,
	rowAt,
	rowOfRule,
	SECTIONS,
	type Shown,
	shownOf,
	typed,
} from "./rules";
import "./rules.css";

/** What is typed of each domain, until the page is loaded anew. */
const drafts = new Map<string, Draft>();

function named(kind: "label" | "hint" | "choice", path: string): string {
	const pair = ruleTexts[`${kind}_${path.replaceAll(".", "_")}` as keyof typeof ruleTexts];
	return pair ? say(pair) : path;
}

function wordsOf(row: Row, shown: Shown): string {
	if (typeof shown === "boolean") return say(common[shown ? "on" : "off"]);
	if (row.kind === "choice") return named("choice", `${row.path}_${String(shown)}`);
	return (typeof shown === "string" ? shown : shown.join("; ")) || say(ruleTexts.empty);
}

export default function RulesPage() {
	const waiting = (
		<Card>
			<Loading rows={9} />
		</Card>
	);
	return <OfDomain waiting={waiting}>{(domain) => <Rules key={domain.name} domain={domain} />}</OfDomain>;
}

function Rules({ domain }: { domain: Domain }) {
	const t = useText(ruleTexts);
	const c = useText(common);
	const client = useQueryClient();
	const forbidden = useForbidden("admin");
	const { name, revision } = domain;
	const [draft, setKept] = useState<Draft>(() => drafts.get(name) ?? {});
	const [isReview, setIsReview] = useState(false);

	function setDraft(next: Draft) {
		drafts.set(name, next);
		setKept(next);
	}
	const changed = changedOf(domain, draft);
	const conflicts = conflictsOf(domain, draft);
	const body = patchOf(domain, draft);
	const options = { path: { name }, body, ifMatch: revision };
	const run = useRehearsal(
		JSON.stringify([revision, body]),
		(signal) => rehearse("patch", "/domains/{name}", { ...options, signal }),
		changed.length > 0,
	);
	const unfit = changed.length > 0 && isRefused(run.error, "invalid") ? run.error.errors : [];
	const rest = unfit.filter((one) => !rowAt(one.pointer));

	async function save() {
		try {
			const answer = await request("patch", "/domains/{name}", options);
			setDraft({});
			const words = { client, name, words: t("saved", { name }), undone: t("undone", { name }) };
			announce(words, answer.revision, backTo(name, revision));
		} catch (error) {
			// Another was first: what is there now is shown, and what was typed stays.
			if (isRefused(error, "precondition-failed")) await client.invalidateQueries({ queryKey: keys.domain(name) });
			throw error;
		}
	}

	return (
		<div className="hw-rules">
			<p className="hw-quiet hw-lead">{forbidden ?? t("lead")}</p>
			{SECTIONS.map((section) => (
				<Card key={section.id} id={section.id} title={t(section.id as keyof typeof ruleTexts)}>
					<p className="hw-quiet hw-lead">{t(`${section.id}_lead` as keyof typeof ruleTexts)}</p>
					{section.id === "hedge" && !domain.backup && <Alert tone="info">{t("hedge_none")}</Alert>}
					{section.id === "upgrade" && domain.origin.type !== "self" && (
						<Alert tone="info">{t("upgrade_bucket")}</Alert>
					)}
					<div className="hw-settings">
						{section.rows
							.filter((row) => isShown(domain, draft, row))
							.map((row) => (
								<RuleRow
									key={row.path}
									row={row}
									shown={currentOf(domain, draft, row.path)}
									errors={unfit.filter((one) => rowAt(one.pointer) === row)}
									theirs={conflicts.includes(row) ? shownOf(domain, row) : undefined}
									onChange={(value) => setDraft(typed(domain, draft, row, value))}
									reason={forbidden}
								/>
							))}
					</div>
				</Card>
			))}
			{conflicts.length > 0 && (
				<Alert tone="warning" isUrgent title={t("bothChanged")}>
					{t("bothChangedHint", { fields: conflicts.map((row) => named("label", row.path)).join(", ") })}
				</Alert>
			)}
			{run.error && changed.length > 0 && (rest.length > 0 || !isRefused(run.error, "invalid")) ? (
				<ProblemAlert error={run.error} errors={rest} />
			) : null}
			{changed.length > 0 && (
				<div className="hw-savebar" role="status">
					<span>
						{changed.length === 1 ? t("changesOne") : t("changes", { count: changed.length })}
						{unfit.length > 0 && <strong className="hw-rules__wrong"> · {t("wrong")}</strong>}
					</span>
					<span className="hw-row">
						<Button onClick={() => setDraft({})}>{t("discard")}</Button>
						<Button
							theme="primary"
							disabled={Boolean(run.error) || Boolean(forbidden)}
							onClick={() => setIsReview(true)}
						>
							{t("review")}
						</Button>
					</span>
				</div>
			)}
			{isReview && (
				<ConfirmWithDiff
					title={t("saveTitle", { name })}
					rehearse={() => rehearse("patch", "/domains/{name}", options)}
					onConfirm={save}
					onClose={() => setIsReview(false)}
					confirmLabel={c("save")}
				>
					<p>{t("saveHint")}</p>
				</ConfirmWithDiff>
			)}
		</div>
	);
}

interface RowProps {
	row: Row;
	shown: Shown;
	errors: readonly { pointer: string; rule: string; detail: string }[];
	/** What somebody else has made of it meanwhile. */
	theirs: Shown | undefined;
	onChange: (value: Shown) => void;
	reason: string | undefined;
}

function RuleRow({ row, shown, errors, theirs, onChange, reason }: RowProps) {
	const t = useText(ruleTexts);
	const id = `rule-${row.path.replaceAll(".", "-")}`;
	const isDisabled = reason !== undefined;
	const hint = named("hint", row.path);
	const ofRows = (one: number) =>
		errors
			.filter((error) => rowOfRule(shown as readonly string[], Number(error.pointer.split("/").at(-1))) === one)
			.map(errorWords)
			.join(" ");
	const isOfRows = row.kind === "headers" && errors.every((error) => /\/[0-9]+$/.test(error.pointer));
	const notes = [hint, row.allowed].filter(Boolean);
	return (
		<div className="hw-setting">
			<Field
				label={named("label", row.path)}
				id={id}
				isGroup={row.kind === "headers"}
				hint={notes.length > 0 ? notes.join(" · ") : undefined}
				error={errors.length > 0 && !isOfRows ? errors.map(errorWords).join(" ") : undefined}
				aside={
					theirs === undefined ? undefined : (
						<span className="hw-row">
							<span className="hw-rules__theirs">{t("theirs", { value: wordsOf(row, theirs) })}</span>
							<Button size="small" variant="text" theme="primary" onClick={() => onChange(theirs)}>
								{t("takeTheirs")}
							</Button>
						</span>
					)
				}
			>
				<div className={`hw-setting__control hw-rules__${row.kind}`} title={reason}>
					<Control
						row={row}
						id={id}
						shown={shown}
						onChange={onChange}
						isDisabled={isDisabled}
						reason={reason}
						errorOf={ofRows}
					/>
				</div>
			</Field>
		</div>
	);
}

interface ControlProps extends Pick<RowProps, "row" | "shown" | "onChange" | "reason"> {
	id: string;
	isDisabled: boolean;
	errorOf: (row: number) => ReactNode;
}

function Control({ row, id, shown, onChange, isDisabled, reason, errorOf }: ControlProps) {
	switch (row.kind) {
		case "switch":
		case "on":
			return <Switch checked={shown === true} onChange={onChange} disabled={isDisabled} />;
		case "choice":
			return (
				<Select
					value={shown as string}
					disabled={isDisabled}
					onChange={onChange}
					options={(row.choices ?? []).map((value) => ({ value, label: named("choice", `${row.path}_${value}`) }))}
				/>
			);
		case "headers":
			return (
				<HeaderRules
					id={id}
					where={named("label", row.path)}
					value={shown as readonly string[]}
					onChange={onChange}
					errorOf={errorOf}
					isDisabled={isDisabled}
					reason={reason}
				/>
			);
		case "words":
		case "text":
		case "duration":
		case "number":
			return (
				<TextInput
					value={shown as string}
					disabled={isDisabled}
					onChange={onChange}
					spellCheck={false}
					autoCapitalize="none"
					placeholder={row.example}
					inputMode={row.kind === "number" ? "numeric" : undefined}
					isCode={row.kind !== "number"}
				/>
			);
	}
}
