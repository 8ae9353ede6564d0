// A session that has ended is begun anew over the page, which stays as it is.
import { useState } from "react";
import { request } from "../api/client";
import type { Whoami } from "../api/types";
import { useText } from "../i18n/i18n";
import { sessionTexts } from "../i18n/session";
import { Alert } from "../parts/Alert";
import { Button } from "../parts/Button";
import { Dialog } from "../parts/Dialog";
import { Field, TextInput } from "../parts/Field";
import { ProblemAlert } from "../parts/ProblemAlert";
import { PasswordInput } from "./PasswordInput";
import { useSignInProblem } from "./SignIn";

export default function ExpiredDialog({ account, onDone }: { account: string; onDone: (who: Whoami) => void }) {
	const t = useText(sessionTexts);
	const words = useSignInProblem();
	const [password, setPassword] = useState("");
	const [error, setError] = useState<unknown>();
	const [isBusy, setIsBusy] = useState(false);

	async function submit() {
		setIsBusy(true);
		setError(undefined);
		try {
			const { data } = await request("post", "/login", { body: { account, password } });
			onDone(data as Whoami);
		} catch (failure) {
			setError(failure);
			setIsBusy(false);
		}
	}

	const text = error ? words(error) : undefined;
	return (
		<Dialog
			title={t("expired")}
			isOnTop
			onSubmit={submit}
			footer={
				<>
					<Button variant="text" title={t("otherHint")} onClick={() => location.reload()}>
						{t("other")}
					</Button>
					<Button theme="primary" type="submit" loading={isBusy} disabled={!password}>
						{t("signIn")}
					</Button>
				</>
			}
		>
			<p>{t("expiredHint")}</p>
			{text ? <Alert tone="error">{text}</Alert> : error ? <ProblemAlert error={error} /> : null}
			<Field label={t("account")} id="expired-account">
				<TextInput value={account} onChange={() => {}} readOnly autoComplete="username" />
			</Field>
			<Field label={t("password")} id="expired-password">
				<PasswordInput value={password} onChange={setPassword} autoComplete="current-password" autoFocus />
			</Field>
		</Dialog>
	);
}
