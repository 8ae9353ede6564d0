// A password that the server made, or somebody else, is changed before anything else. All sessions of the account end
// with it, so that we sign in again with the new one.
import { useState } from "react";
import { request } from "../api/client";
import { isRefused } from "../api/problem";
import type { Whoami } from "../api/types";
import { useText } from "../i18n/i18n";
import { sessionTexts } from "../i18n/session";
import { Alert } from "../parts/Alert";
import { Button } from "../parts/Button";
import { Field } from "../parts/Field";
import { ProblemAlert } from "../parts/ProblemAlert";
import { LanguageSwitch, ThemeSwitch } from "../shell/Preferences";
import { useNewPassword } from "./newPassword";
import { PasswordInput } from "./PasswordInput";
import "./session.css";

interface Props {
	who: Whoami;
	/** The password that they have just signed in with; where it is not known it is asked for. */
	old?: string;
	onDone: (who: Whoami) => void;
	onLeave: () => void;
}

export default function PasswordChange({ who, old, onDone, onLeave }: Props) {
	const t = useText(sessionTexts);
	const [typedOld, setTypedOld] = useState("");
	const current = old ?? typedOld;
	const { fields, value, isGood } = useNewPassword(current);
	const [error, setError] = useState<unknown>();
	const [isBusy, setIsBusy] = useState(false);

	async function submit() {
		setIsBusy(true);
		setError(undefined);
		try {
			await request("post", "/password", { body: { old: current, new: value } });
			const { data } = await request("post", "/login", { body: { account: who.account, password: value } });
			onDone(data as Whoami);
		} catch (failure) {
			setError(failure);
			setIsBusy(false);
		}
	}

	return (
		<div className="hw-door">
			<div className="hw-door__tools">
				<LanguageSwitch />
				<ThemeSwitch />
			</div>
			<main className="hw-door__card">
				<img className="hw-door__logo" src="/favicon.svg" alt="" width="44" height="44" />
				<h1>{t("changeTitle")}</h1>
				<p className="hw-door__tagline">{t("changeFirst", { account: who.account })}</p>
				<form
					onSubmit={(event) => {
						event.preventDefault();
						if (isGood) submit();
					}}
				>
					{isRefused(error, "bad-credentials") ? (
						<Alert tone="error">{t("oldWrong")}</Alert>
					) : error ? (
						<ProblemAlert error={error} />
					) : null}
					<input type="text" name="username" autoComplete="username" value={who.account} readOnly hidden />
					{old === undefined && (
						<Field label={t("oldPassword")} id="old">
							<PasswordInput value={typedOld} onChange={setTypedOld} autoComplete="current-password" autoFocus />
						</Field>
					)}
					{fields}
					<Button type="submit" theme="primary" block size="large" loading={isBusy} disabled={!isGood || !current}>
						{t("change")}
					</Button>
					<Button variant="text" block onClick={onLeave}>
						{t("signOut")}
					</Button>
				</form>
			</main>
		</div>
	);
}
