// Tokens: what programs sign in with. Everybody has their own; an admin sees, makes and takes back those of all.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { AddIcon } from "tdesign-icons-react";
import { request } from "../../api/client";
import { errorsByField } from "../../api/problem";
import type { Role } from "../../api/types";
import { common } from "../../i18n/common";
import { ago, moment } from "../../i18n/format";
import { useText } from "../../i18n/i18n";
import { errorWords } from "../../i18n/problems";
import { settingTexts } from "../../i18n/settings";
import { Button } from "../../parts/Button";
import { Card } from "../../parts/Card";
import { CopyButton } from "../../parts/CopyButton";
import { tell } from "../../parts/changes";
import { Dialog } from "../../parts/Dialog";
import { EmptyState } from "../../parts/EmptyState";
import { Field, Select, TextInput } from "../../parts/Field";
import { Loading } from "../../parts/Loading";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { SecretOnce } from "../../parts/SecretOnce";
import { Tag } from "../../parts/Tag";
import { useSession } from "../../session/session";
import { type Token, tokensKey, useTokens, useUsers } from "./queries";
import { RoleChoice, useAction } from "./UserDialogs";

const LABEL = /^[A-Za-z0-9][A-Za-z0-9._@+-]*$/;
const DAY_MS = 86400000;
const SOON_MS = 14 * DAY_MS;
const RANKS: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };
const TERMS = ["days7", "days30", "days90", "days365", "onDate", "neverExpires"] as const;
type Term = (typeof TERMS)[number];

/** When a token ends that is made now; 0 is never, undefined is no day that is one. */
function endOf(term: Term, day: string, now: number): number | undefined {
	if (term === "neverExpires") return 0;
	if (term !== "onDate") return now + Number(term.slice(4)) * DAY_MS;
	const end = new Date(`${day}T23:59:59`).getTime();
	return Number.isNaN(end) || end <= now ? undefined : end;
}

function AddToken({ onClose }: { onClose: () => void }) {
	const t = useText(settingTexts);
	const c = useText(common);
	const session = useSession();
	const isAdmin = session.may("admin");
	const users = useUsers(isAdmin);
	const { isBusy, error, run } = useAction();
	const [account, setAccount] = useState(session.account);
	const [label, setLabel] = useState("");
	const [role, setRole] = useState<Role>("viewer");
	const [term, setTerm] = useState<Term>("days90");
	const [day, setDay] = useState("");
	const [made, setMade] = useState<string>();

	const most = users.data?.items.find((one) => one.name === account)?.role ?? session.role;
	const chosen = RANKS[role] > RANKS[most] ? most : role;
	const end = endOf(term, day, Date.now());
	const fault =
		label === "" ? undefined : label.length > 64 ? t("faultNameLong") : LABEL.test(label) ? undefined : t("faultName");
	const isGood = label !== "" && !fault && end !== undefined;
	const errors = errorsByField(error, { label: "/label" });

	async function submit() {
		const { data } = await request("post", "/tokens", {
			body: { label, role: chosen, expires_ms: end, ...(account !== session.account && { account }) },
		});
		tell(t("told_tokenMade", { label }));
		setMade(data.token);
	}

	if (made !== undefined) {
		const line = `curl -H "Authorization: Bearer ${made}" ${location.origin}/api/v1/whoami`;
		return (
			<Dialog
				title={t("tokenMade", { label })}
				footer={
					<Button theme="primary" onClick={onClose}>
						{t("iHaveIt")}
					</Button>
				}
			>
				<SecretOnce label={t("token")} value={made}>
					{t("tokenOnce")}
				</SecretOnce>
				<div>
					<h3>{t("tokenTry")}</h3>
					<div className="hw-codeline">
						<code>{line}</code>
						<CopyButton isBare variant="text" text={line} />
					</div>
				</div>
			</Dialog>
		);
	}
	return (
		<Dialog
			title={t("addToken")}
			onClose={isBusy ? undefined : onClose}
			onSubmit={() => isGood && run(submit)}
			footer={
				<>
					<Button onClick={onClose} disabled={isBusy}>
						{c("cancel")}
					</Button>
					<Button type="submit" theme="primary" loading={isBusy} disabled={!isGood}>
						{t("addToken")}
					</Button>
				</>
			}
		>
			<Field
				label={t("label")}
				id="label"
				isRequired
				hint={t("labelHint", { account })}
				error={fault ?? errors.of.label?.map(errorWords)[0]}
			>
				<TextInput
					value={label}
					onChange={setLabel}
					autoFocus
					placeholder="ci"
					spellCheck={false}
					autoCapitalize="none"
				/>
			</Field>
			{isAdmin && (
				<Field label={t("accountOf")} id="account-of">
					<Select
						value={account}
						onChange={setAccount}
						options={(users.data?.items ?? [{ name: session.account }]).map((one) => ({
							value: one.name,
							label: one.name,
						}))}
					/>
				</Field>
			)}
			<RoleChoice value={chosen} onChange={setRole} most={most} why={t("tokenRoleHint")} />
			<Field
				label={t("expires")}
				id="expires"
				hint={term === "neverExpires" ? t("neverHint") : end ? moment(end) : undefined}
			>
				<Select value={term} onChange={setTerm} options={TERMS.map((one) => ({ value: one, label: t(one) }))} />
			</Field>
			{term === "onDate" && (
				<Field label={t("lastDay")} id="last-day" error={day !== "" && end === undefined ? t("faultDay") : undefined}>
					<DayInput value={day} onChange={setDay} />
				</Field>
			)}
			{error && !errors.of.label ? <ProblemAlert error={error} /> : null}
		</Dialog>
	);
}

function DayInput({ value, onChange }: { value: string; onChange: (value: string) => void }) {
	return (
		<input
			id="last-day"
			className="hw-select hw-day"
			type="date"
			value={value}
			min={new Date().toISOString().slice(0, 10)}
			onChange={(event) => onChange(event.target.value)}
		/>
	);
}

function Revoke({ token, onClose }: { token: Token; onClose: () => void }) {
	const t = useText(settingTexts);
	const c = useText(common);
	const { isBusy, error, run } = useAction();
	async function submit() {
		await request("delete", "/tokens/{id}", { path: { id: token.id } });
		tell(t("told_tokenGone", { label: token.label }));
		onClose();
	}
	return (
		<Dialog
			title={t("revokeOf", { label: token.label })}
			width="small"
			onClose={isBusy ? undefined : onClose}
			onSubmit={() => run(submit)}
			footer={
				<>
					<Button onClick={onClose} disabled={isBusy}>
						{c("cancel")}
					</Button>
					<Button type="submit" theme="danger" loading={isBusy}>
						{t("revoke")}
					</Button>
				</>
			}
		>
			<p>{t("revokeHint")}</p>
			{error ? <ProblemAlert error={error} /> : null}
		</Dialog>
	);
}

function Expiry({ ms }: { ms: number }) {
	const t = useText(settingTexts);
	if (ms === 0) return <span className="hw-quiet">{t("never")}</span>;
	const left = ms - Date.now();
	if (left <= 0) return <Tag tone="bad">{t("expired")}</Tag>;
	const words = <time title={moment(ms)}>{ago(ms)}</time>;
	return left < SOON_MS ? <Tag tone="warn">{words}</Tag> : words;
}

export default function TokensTab() {
	const t = useText(settingTexts);
	const c = useText(common);
	const client = useQueryClient();
	const session = useSession();
	const tokens = useTokens();
	const [isAdding, setIsAdding] = useState(false);
	const [gone, setGone] = useState<Token>();
	const isAdmin = session.may("admin");

	function close() {
		setIsAdding(false);
		setGone(undefined);
		client.invalidateQueries({ queryKey: tokensKey });
	}

	return (
		<>
			<Card
				title={t("tokens")}
				id="tokens"
				actions={
					<Button theme="primary" icon={<AddIcon aria-hidden="true" />} onClick={() => setIsAdding(true)}>
						{t("addToken")}
					</Button>
				}
			>
				<p className="hw-quiet hw-lead">{t("tokensLead")}</p>
				{tokens.isPending ? (
					<Loading rows={4} />
				) : tokens.isError ? (
					<ProblemAlert error={tokens.error} onRetry={() => tokens.refetch()} />
				) : tokens.data.items.length === 0 ? (
					<EmptyState title={t("noTokens")}>{t("noTokensHint")}</EmptyState>
				) : (
					<div className="hw-scroll">
						<table className="hw-table">
							<thead>
								<tr>
									<th scope="col">{t("label")}</th>
									{isAdmin && <th scope="col">{t("accountOf")}</th>}
									<th scope="col">{t("role")}</th>
									<th scope="col" className="hw-wide">
										{t("created")}
									</th>
									<th scope="col">{t("expires")}</th>
									<th scope="col" className="hw-last">
										<span className="hw-unseen">{c("actions")}</span>
									</th>
								</tr>
							</thead>
							<tbody>
								{tokens.data.items.map((token) => (
									<tr key={token.id}>
										<th scope="row">{token.label}</th>
										{isAdmin && <td>{token.account}</td>}
										<td>{c(`role_${token.role}`)}</td>
										<td className="hw-wide">{moment(token.created_ms)}</td>
										<td>
											<Expiry ms={token.expires_ms} />
										</td>
										<td className="hw-last">
											<Button
												size="small"
												variant="text"
												theme="danger"
												aria-label={t("tokenActions", { label: token.label })}
												onClick={() => setGone(token)}
											>
												{t("revoke")}
											</Button>
										</td>
									</tr>
								))}
							</tbody>
						</table>
					</div>
				)}
			</Card>
			{isAdding && <AddToken onClose={close} />}
			{gone && <Revoke token={gone} onClose={close} />}
		</>
	);
}
