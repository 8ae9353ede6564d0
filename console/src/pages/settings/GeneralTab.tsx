// What is one's own: the theme, the language, the account and its password.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { get, request, setCsrf } from "../../api/client";
import { isRefused } from "../../api/problem";
import type { Whoami } from "../../api/types";
import { common } from "../../i18n/common";
import { moment } from "../../i18n/format";
import { type Language, setLanguage, useLanguage, useText } from "../../i18n/i18n";
import { sessionTexts } from "../../i18n/session";
import { settingTexts } from "../../i18n/settings";
import { Alert } from "../../parts/Alert";
import { Button } from "../../parts/Button";
import { Card, Facts } from "../../parts/Card";
import { tell } from "../../parts/changes";
import { Choice, Field } from "../../parts/Field";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { useNewPassword } from "../../session/newPassword";
import { PasswordInput } from "../../session/PasswordInput";
import { useSession } from "../../session/session";
import { setTheme, type Theme, useTheme } from "../../shell/theme";

function Looks() {
	const t = useText(settingTexts);
	const theme = useTheme();
	const language = useLanguage();
	return (
		<Card title={t("looks")} id="looks" note={<span className="hw-quiet">{t("looksHint")}</span>}>
			<div className="hw-stack hw-looks">
				<Field label={t("theme")} id="theme" isGroup>
					<Choice<Theme>
						name="theme"
						value={theme}
						onChange={setTheme}
						options={[
							{ value: "system", label: t("asSystem"), hint: t("asSystemHint") },
							{ value: "light", label: t("light"), hint: t("lightHint") },
							{ value: "dark", label: t("dark"), hint: t("darkHint") },
						]}
					/>
				</Field>
				<Field label={t("language")} id="language" isGroup>
					<Choice<Language>
						name="language"
						value={language}
						onChange={setLanguage}
						options={[
							{ value: "en", label: "English" },
							{ value: "zh-CN", label: "简体中文" },
						]}
					/>
				</Field>
			</div>
		</Card>
	);
}

function PasswordForm({ account, onDone }: { account: string; onDone: () => void }) {
	const t = useText(settingTexts);
	const s = useText(sessionTexts);
	const [old, setOld] = useState("");
	const [error, setError] = useState<unknown>();
	const [isBusy, setIsBusy] = useState(false);
	const { fields, value, isGood } = useNewPassword(old);

	async function submit() {
		setIsBusy(true);
		setError(undefined);
		try {
			await request("post", "/password", { body: { old, new: value } });
			// All sessions have ended, this one with them.
			const { data } = await request("post", "/login", { body: { account, password: value } });
			setCsrf((data as Whoami).csrf);
			tell(s("changed"));
			onDone();
		} catch (failure) {
			setError(failure);
			setIsBusy(false);
		}
	}

	return (
		<form
			className="hw-narrow hw-stack"
			onSubmit={(event) => {
				event.preventDefault();
				if (isGood && old) submit();
			}}
		>
			{isRefused(error, "bad-credentials") ? (
				<Alert tone="error">{s("oldWrong")}</Alert>
			) : error ? (
				<ProblemAlert error={error} />
			) : null}
			<input type="text" name="username" autoComplete="username" value={account} readOnly hidden />
			<Field label={s("oldPassword")} id="old">
				<PasswordInput value={old} onChange={setOld} autoComplete="current-password" />
			</Field>
			{fields}
			<div>
				<Button type="submit" theme="primary" loading={isBusy} disabled={!isGood || !old}>
					{t("passwordTitle")}
				</Button>
			</div>
		</form>
	);
}

export default function GeneralTab() {
	const t = useText(settingTexts);
	const c = useText(common);
	const session = useSession();
	const who = useQuery({ queryKey: ["whoami"], queryFn: ({ signal }) => get("/whoami", { signal }) });
	const [form, setForm] = useState(0);
	return (
		<>
			<Looks />
			<Card title={t("account")} id="account">
				<Facts
					rows={[
						[c("name"), session.account],
						[t("role"), c(`role_${session.role}`)],
						[t("sessionUntil"), who.data ? moment(who.data.expires_ms) : "…"],
					]}
				/>
				<p className="hw-quiet hw-under">{t(`role_${session.role}_may`)}</p>
			</Card>
			<Card title={t("passwordTitle")} id="password" note={<span className="hw-quiet">{t("passwordHint")}</span>}>
				<PasswordForm
					key={form}
					account={session.account}
					onDone={() => {
						setForm(form + 1);
						who.refetch();
					}}
				/>
			</Card>
		</>
	);
}
