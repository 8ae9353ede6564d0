// What to purge, and how; checked as it is typed.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { CloseIcon } from "tdesign-icons-react";
import { request } from "../../api/client";
import { Refused } from "../../api/problem";
import { common } from "../../i18n/common";
import { useText } from "../../i18n/i18n";
import { errorWords } from "../../i18n/problems";
import { purgeTexts } from "../../i18n/purge";
import { Button } from "../../parts/Button";
import { Card } from "../../parts/Card";
import { CopyButton } from "../../parts/CopyButton";
import { Dialog } from "../../parts/Dialog";
import { DomainInput } from "../../parts/DomainInput";
import { Choice, Field } from "../../parts/Field";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { useSession } from "../../session/session";
import { LinesInput } from "./LinesInput";
import { purgesKey } from "./queries";
import { commandOf, linesOf, type Mode, VALUES_MAX, type What } from "./values";
import { useEffectWords } from "./words";

export interface PurgeDraft {
	what: What;
	/** URLs, prefixes and tags as they were typed. */
	text: string;
	domains: readonly string[];
	/** Whose tags. */
	domain: string;
	mode: Mode;
}

export const EMPTY: PurgeDraft = { what: "url", text: "", domains: [], domain: "", mode: "hard" };

const WHATS: readonly What[] = ["url", "prefix", "domain", "tag"];
const SHOWN_FAULTS = 4;
const TEXTS = {
	url: { label: "urls", hint: "urlsHint", example: "http://www.example.com/a.css" },
	prefix: { label: "prefixes", hint: "prefixesHint", example: "http://www.example.com/img/" },
	tag: { label: "tags", hint: "tagsHint", example: "article-17" },
} as const;

interface Props {
	draft: PurgeDraft;
	onChange: (draft: PurgeDraft) => void;
	onMade: (number: number) => void;
}

/** What the server found wrong with values, by value; only as long as they stand there. */
type Refusals = ReadonlyMap<string, string>;

export function PurgeForm({ draft, onChange, onMade }: Props) {
	const t = useText(purgeTexts);
	const c = useText(common);
	const effect = useEffectWords();
	const session = useSession();
	const client = useQueryClient();
	const [typed, setTyped] = useState("");
	const [isSure, setIsSure] = useState(false);
	const [isBusy, setIsBusy] = useState(false);
	const [error, setError] = useState<unknown>();
	const [refusals, setRefusals] = useState<Refusals>(new Map());
	const { what, mode } = draft;
	const isMay = session.may("operator");

	const lines = what === "domain" ? [] : linesOf(what, draft.text);
	const values =
		what === "domain" ? [...draft.domains] : lines.filter((line) => !line.isAgain).map((line) => line.value);
	const faults = lines
		.filter((line) => !line.isAgain)
		.map((line) => ({
			number: line.number,
			value: line.value,
			words: line.fault ? t(line.fault) : refusals.get(line.value),
		}))
		.filter((line) => line.words !== undefined);
	const domainFaults = what === "domain" ? values.filter((name) => refusals.has(name)) : [];
	const again = lines.filter((line) => line.isAgain).length;
	const isTooMany = values.length > VALUES_MAX;
	const isGood =
		values.length > 0 &&
		!isTooMany &&
		faults.length === 0 &&
		domainFaults.length === 0 &&
		(what !== "tag" || (draft.domain.trim() !== "" && !refusals.has(`domain ${draft.domain}`)));
	const isWide = mode === "hard" && (what === "domain" || what === "prefix");

	function change(part: Partial<PurgeDraft>) {
		setError(undefined);
		onChange({ ...draft, ...part });
	}

	async function submit() {
		setIsSure(false);
		setIsBusy(true);
		setError(undefined);
		try {
			const { data } = await request("post", "/purges", {
				body: { what, values, mode, ...(what === "tag" && { domain: draft.domain.trim() }) },
			});
			setRefusals(new Map());
			onChange({ ...EMPTY, what, mode, domain: draft.domain });
			client.invalidateQueries({ queryKey: purgesKey });
			onMade(data.number);
		} catch (failure) {
			const found = new Map<string, string>();
			if (failure instanceof Refused) {
				for (const one of failure.errors) {
					const place = /^\/values\/([0-9]+)$/.exec(one.pointer);
					const value = place ? values[Number(place[1])] : undefined;
					if (value !== undefined) found.set(value, errorWords(one));
					else if (one.pointer === "/domain") found.set(`domain ${draft.domain}`, errorWords(one));
				}
			}
			setRefusals(found);
			if (found.size === 0) setError(failure);
		} finally {
			setIsBusy(false);
		}
	}

	function addDomain(name: string) {
		setTyped("");
		if (!draft.domains.includes(name)) change({ domains: [...draft.domains, name] });
	}

	const faultList =
		faults.length > 0 || isTooMany ? (
			<ul>
				{isTooMany && <li>{t("tooMany", { max: VALUES_MAX, count: values.length })}</li>}
				{faults.slice(0, SHOWN_FAULTS).map((line) => (
					<li key={line.number}>
						{t("line", { line: line.number })}: {line.words}
					</li>
				))}
				{faults.length > SHOWN_FAULTS && <li>{t("moreFaults", { count: faults.length - SHOWN_FAULTS })}</li>}
			</ul>
		) : undefined;

	return (
		<Card title={t("make")} id="new-purge">
			<form
				className="hw-purge"
				noValidate
				onSubmit={(event) => {
					event.preventDefault();
					if (!isGood || !isMay || isBusy) return;
					if (isWide) setIsSure(true);
					else submit();
				}}
			>
				<Field label={t("what")} id="purge-what" isGroup>
					<Choice
						name="purge-what"
						value={what}
						onChange={(next) => change({ what: next })}
						options={WHATS.map((one) => ({ value: one, label: t(one), hint: t(`${one}Hint`) }))}
					/>
				</Field>

				{what === "tag" && (
					<Field label={t("tagDomain")} id="purge-tag-domain" isRequired error={refusals.get(`domain ${draft.domain}`)}>
						<DomainInput
							value={draft.domain}
							onChange={(domain) => change({ domain })}
							placeholder={t("addDomain")}
							disabled={!isMay}
						/>
					</Field>
				)}
				{what === "domain" ? (
					<Field
						label={t("domains")}
						id="purge-domains"
						hint={t("domainsHint")}
						isRequired
						error={
							domainFaults.length > 0 || isTooMany
								? [
										...domainFaults.map((name) => refusals.get(name)),
										isTooMany && t("tooMany", { max: VALUES_MAX, count: values.length }),
									]
										.filter(Boolean)
										.join("; ")
								: undefined
						}
					>
						{draft.domains.length > 0 && (
							<ul className="hw-chips">
								{draft.domains.map((name) => (
									<li key={name} className={`hw-chip${refusals.has(name) ? " hw-chip--bad" : ""}`}>
										{name}
										<button
											type="button"
											aria-label={t("removeDomain", { name })}
											onClick={() => change({ domains: draft.domains.filter((one) => one !== name) })}
										>
											<CloseIcon aria-hidden="true" />
										</button>
									</li>
								))}
							</ul>
						)}
						<DomainInput
							value={typed}
							onChange={setTyped}
							onPick={addDomain}
							onBlur={() => typed.trim() && addDomain(typed.trim())}
							without={draft.domains}
							placeholder={t("addDomain")}
							disabled={!isMay}
						/>
					</Field>
				) : (
					<Field
						key={what}
						label={t(TEXTS[what].label)}
						id="purge-values"
						hint={t(TEXTS[what].hint)}
						isRequired
						error={faultList}
						aside={
							<span className={`hw-number ${isTooMany ? "hw-purge__much" : "hw-quiet"}`}>
								{t("count", { count: values.length, max: VALUES_MAX })}
								{again > 0 && <span title={t("again", { count: again })}> (−{again})</span>}
							</span>
						}
					>
						<LinesInput
							value={draft.text}
							onChange={(text) => change({ text })}
							wrong={new Set(faults.map((line) => line.number))}
							placeholder={TEXTS[what].example}
							disabled={!isMay}
						/>
					</Field>
				)}

				<Field label={t("mode")} id="purge-mode" isGroup>
					<Choice
						name="purge-mode"
						value={mode}
						onChange={(next) => change({ mode: next })}
						options={(["hard", "soft"] as const).map((one) => ({ value: one, label: t(one), hint: t(`${one}Hint`) }))}
					/>
				</Field>

				{error ? <ProblemAlert error={error} /> : null}
				<div className="hw-purge__foot">
					<p className="hw-purge__effect" aria-live="polite">
						{isMay
							? isGood && effect(what, values, mode, draft.domain)
							: c("notAllowed", { role: c(`role_${session.role}`), needed: c("role_operator") })}
					</p>
					<Button
						type="submit"
						theme="primary"
						loading={isBusy}
						disabled={!isGood || !isMay}
						title={isMay ? undefined : c("notAllowed", { role: c(`role_${session.role}`), needed: c("role_operator") })}
					>
						{t("submit")}
					</Button>
				</div>
				<details className="hw-purge__command">
					<summary>{t("command")}</summary>
					<div className="hw-codeline">
						<code>
							{commandOf(
								what,
								values.length ? values : [what === "domain" ? "www.example.com" : TEXTS[what].example],
								mode,
								draft.domain || "www.example.com",
							)}
						</code>
						<CopyButton isBare variant="text" text={() => commandOf(what, values, mode, draft.domain)} />
					</div>
				</details>
			</form>
			{isSure && (
				<Dialog
					title={t("sureTitle")}
					width="small"
					onClose={() => setIsSure(false)}
					onSubmit={submit}
					footer={
						<>
							<Button onClick={() => setIsSure(false)}>{c("cancel")}</Button>
							<Button type="submit" theme="danger">
								{t("submit")}
							</Button>
						</>
					}
				>
					<div className="hw-words">
						<p>{effect(what, values, mode, draft.domain)}</p>
						<p>{t("sureLoad")}</p>
					</div>
				</Dialog>
			)}
		</Card>
	);
}
