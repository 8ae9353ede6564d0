// Start or stop a domain, with the question before it.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { rehearse } from "../../api/client";
import type { Domain } from "../../api/types";
import { domainTexts } from "../../i18n/domains";
import { useText } from "../../i18n/i18n";
import { Button } from "../../parts/Button";
import { ConfirmWithDiff } from "../../parts/ConfirmWithDiff";
import { useForbidden } from "../../session/forbidden";
import { setStatus } from "./actions";

export function StatusDialog({ domain, onClose }: { domain: Domain; onClose: () => void }) {
	const t = useText(domainTexts);
	const client = useQueryClient();
	const { name } = domain;
	const isOnline = domain.status === "online";
	const to = isOnline ? "/domains/{name}/stop" : "/domains/{name}/start";
	const [started, stopped] = [t("started", { name }), t("stopped", { name })];
	return (
		<ConfirmWithDiff
			title={t(isOnline ? "stopTitle" : "startTitle", { name })}
			confirmLabel={t(isOnline ? "stop" : "start")}
			isDangerous={isOnline}
			rehearse={() => rehearse("post", to, { path: { name }, ifMatch: domain.revision })}
			onConfirm={() =>
				setStatus(domain, isOnline ? "offline" : "online", {
					client,
					name,
					words: isOnline ? stopped : started,
					undone: isOnline ? started : stopped,
				})
			}
			onClose={onClose}
		>
			<p>{t(isOnline ? "stopWords" : "startWords")}</p>
		</ConfirmWithDiff>
	);
}

export function StatusButton({ domain }: { domain: Domain }) {
	const t = useText(domainTexts);
	const forbidden = useForbidden("admin");
	const [isAsked, setIsAsked] = useState(false);
	return (
		<>
			<Button size="small" disabled={Boolean(forbidden)} title={forbidden} onClick={() => setIsAsked(true)}>
				{t(domain.status === "online" ? "stop" : "start")}
			</Button>
			{isAsked && <StatusDialog domain={domain} onClose={() => setIsAsked(false)} />}
		</>
	);
}
