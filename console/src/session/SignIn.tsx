// The page to sign in.
import { useState } from "react";
import { request } from "../api/client";
import { isRefused } from "../api/problem";
import type { Whoami } from "../api/types";
import { useText } from "../i18n/i18n";
import { sessionTexts } from "../i18n/session";
import { Alert } from "../parts/Alert";
import { Button } from "../parts/Button";
import { Field, TextInput } from "../parts/Field";
import { ProblemAlert } from "../parts/ProblemAlert";
import { LanguageSwitch, ThemeSwitch } from "../shell/Preferences";
import { PasswordInput } from "./PasswordInput";
import "./session.css";

/** The words for a refused attempt to sign in; undefined where the problem speaks for itself. */
export function useSignInProblem() {
	const t = useText(sessionTexts);
	return (error: unknown): string | undefined => {
		if (isRefused(error, "bad-credentials")) return t("wrong");
		if (isRefused(error, "too-many-attempts")) return t("tooMany", { seconds: error.retryAfter ?? 60 });
		return undefined;
	};
}

export default function SignIn({ onDone }: { onDone: (who: Whoami, password: string) => void }) {
	const t = useText(sessionTexts);
	const words = useSignInProblem();
	const [account, setAccount] = useState("");
	const [password, setPassword] = useState("");
	const [error, setError] = useState<unknown>();
	const [isBusy, setIsBusy] = useState(false);

	async function submit() {
		setIsBusy(true);
		setError(undefined);
		try {
			const { data } = await request("post", "/login", { body: { account: account.trim(), password } });
			onDone(data as Whoami, password);
		} catch (failure) {
			setError(failure);
			setIsBusy(false);
		}
	}

	const text = error ? words(error) : undefined;
	return (
		<div className="hw-door">
			<div className="hw-door__tools">
				<LanguageSwitch />
				<ThemeSwitch />
			</div>
			<main className="hw-door__card">
				<img className="hw-door__logo" src="/favicon.svg" alt="" width="44" height="44" />
				<h1>{t("signInTo")}</h1>
				<p className="hw-door__tagline">{t("tagline")}</p>
				<form
					onSubmit={(event) => {
						event.preventDefault();
						submit();
					}}
				>
					{text ? <Alert tone="error">{text}</Alert> : error ? <ProblemAlert error={error} /> : null}
					<Field label={t("account")} id="account">
						<TextInput
							value={account}
							onChange={setAccount}
							autoComplete="username"
							autoFocus
							spellCheck={false}
							autoCapitalize="none"
						/>
					</Field>
					<Field label={t("password")} id="password">
						<PasswordInput value={password} onChange={setPassword} autoComplete="current-password" />
					</Field>
					<Button
						type="submit"
						theme="primary"
						block
						size="large"
						loading={isBusy}
						disabled={!account.trim() || !password}
					>
						{t("signIn")}
					</Button>
				</form>
				<p className="hw-door__hint">{t("firstHint")}</p>
			</main>
		</div>
	);
}
