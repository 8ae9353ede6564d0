// A new password, twice, checked as it is typed by the rules of the server.
import { useState } from "react";
import { useText } from "../i18n/i18n";
import { sessionTexts } from "../i18n/session";
import { Field } from "../parts/Field";
import { PasswordInput } from "./PasswordInput";

const MIN = 12;
const MAX_BYTES = 1024;

/** The two fields, what was typed, and whether it may be sent. The server counts bytes. */
export function useNewPassword(current: string) {
	const t = useText(sessionTexts);
	const [value, setValue] = useState("");
	const [again, setAgain] = useState("");
	const [isLeft, setIsLeft] = useState(false);
	const size = new TextEncoder().encode(value).length;
	const fault =
		size < MIN
			? t("tooShort", { missing: MIN - size })
			: size > MAX_BYTES
				? t("tooLong")
				: value === current
					? t("sameAsOld")
					: undefined;
	const differs = again !== "" && !value.startsWith(again) ? t("differs") : undefined;
	const fields = (
		<>
			<Field label={t("newPassword")} id="new" hint={t("length")} error={isLeft && value !== "" ? fault : undefined}>
				<PasswordInput value={value} onChange={setValue} autoComplete="new-password" onBlur={() => setIsLeft(true)} />
			</Field>
			<Field label={t("repeatPassword")} id="again" error={differs}>
				<PasswordInput value={again} onChange={setAgain} autoComplete="new-password" />
			</Field>
		</>
	);
	return { fields, value, isGood: !fault && again === value };
}
