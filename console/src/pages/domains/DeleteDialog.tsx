// The question before a domain is deleted: its name has to be typed.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Domain } from "../../api/types";
import { common } from "../../i18n/common";
import { domainTexts } from "../../i18n/domains";
import { useText } from "../../i18n/i18n";
import { Button } from "../../parts/Button";
import { Dialog } from "../../parts/Dialog";
import { Field, TextInput } from "../../parts/Field";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { removeDomain } from "./actions";

export function DeleteDialog({
	domain,
	onClose,
	onDone,
}: {
	domain: Domain;
	onClose: () => void;
	onDone?: () => void;
}) {
	const t = useText(domainTexts);
	const c = useText(common);
	const client = useQueryClient();
	const [typed, setTyped] = useState("");
	const [error, setError] = useState<unknown>();
	const [isBusy, setIsBusy] = useState(false);
	const { name } = domain;

	async function submit() {
		if (typed.trim() !== name) return;
		setIsBusy(true);
		setError(undefined);
		try {
			await removeDomain(domain, { client, name, words: t("deleted", { name }), undone: t("restored", { name }) });
			onClose();
			onDone?.();
		} catch (failure) {
			setError(failure);
			setIsBusy(false);
		}
	}

	return (
		<Dialog
			title={t("deleteTitle", { name })}
			onClose={isBusy ? undefined : onClose}
			onSubmit={submit}
			footer={
				<>
					<Button onClick={onClose} disabled={isBusy}>
						{c("cancel")}
					</Button>
					<Button type="submit" theme="danger" loading={isBusy} disabled={typed.trim() !== name}>
						{t("delete")}
					</Button>
				</>
			}
		>
			<p>{t("deleteWords")}</p>
			<Field label={t("typeName", { name })} id="delete-name">
				<TextInput value={typed} onChange={setTyped} isCode spellCheck={false} autoCapitalize="none" autoFocus />
			</Field>
			{error ? <ProblemAlert error={error} /> : null}
		</Dialog>
	);
}
