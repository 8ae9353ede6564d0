// What can be done with the domains that are selected, a few at a time, with one message and one way back.
import type { QueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { request } from "../../api/client";
import { Refused } from "../../api/problem";
import { keys } from "../../api/queries";
import type { Domain } from "../../api/types";
import { common } from "../../i18n/common";
import { domainTexts } from "../../i18n/domains";
import { useText } from "../../i18n/i18n";
import { problemDetail } from "../../i18n/problems";
import { Button } from "../../parts/Button";
import { follow, tell } from "../../parts/changes";
import { Dialog } from "../../parts/Dialog";
import { Field, TextInput } from "../../parts/Field";

const AT_ONCE = 4;
type What = "start" | "stop" | "delete";

interface Made {
	name: string;
	before: number;
	/** Undefined of a domain that was deleted. */
	after?: number;
}

async function inTurn<T>(items: readonly T[], each: (item: T) => Promise<void>): Promise<void> {
	let next = 0;
	await Promise.all(
		Array.from({ length: AT_ONCE }, async () => {
			while (next < items.length) {
				const item = items[next++];
				if (item !== undefined) await each(item);
			}
		}),
	);
}

interface Props {
	selected: ReadonlyMap<string, Domain>;
	onClear: () => void;
	client: QueryClient;
}

export function BulkBar({ selected, onClear, client }: Props) {
	const t = useText(domainTexts);
	const [asked, setAsked] = useState<What>();
	return (
		<div className="hw-bulk" role="toolbar" aria-label={t("selected", { n: selected.size })}>
			<strong role="status">{t("selected", { n: selected.size })}</strong>
			<Button size="small" onClick={() => setAsked("start")}>
				{t("start")}
			</Button>
			<Button size="small" onClick={() => setAsked("stop")}>
				{t("stop")}
			</Button>
			<Button size="small" theme="danger" variant="outline" onClick={() => setAsked("delete")}>
				{t("delete")}
			</Button>
			<Button size="small" variant="text" onClick={onClear}>
				{t("clearSelection")}
			</Button>
			{asked && (
				<BulkDialog
					what={asked}
					domains={[...selected.values()]}
					client={client}
					onClose={(isDone) => {
						setAsked(undefined);
						if (isDone) onClear();
					}}
				/>
			)}
		</div>
	);
}

const TITLES = { start: "bulkStart", stop: "bulkStop", delete: "bulkDelete" } as const;
const WORDS = { start: "startWords", stop: "stopWords", delete: "deleteWords" } as const;
const DONE = { start: "bulkStarted", stop: "bulkStopped", delete: "bulkDeleted" } as const;

function BulkDialog({
	what,
	domains,
	client,
	onClose,
}: {
	what: What;
	domains: Domain[];
	client: QueryClient;
	onClose: (isDone: boolean) => void;
}) {
	const t = useText(domainTexts);
	const c = useText(common);
	const [done, setDone] = useState<number>();
	const [typed, setTyped] = useState("");
	const isBusy = done !== undefined;
	const mustType = what === "delete";
	const isReady = !mustType || typed.trim() === String(domains.length);

	async function run() {
		if (!isReady) return;
		const made: Made[] = [];
		const failed: string[] = [];
		let last = 0;
		setDone(0);
		await inTurn(domains, async (domain) => {
			const path = { name: domain.name };
			try {
				if (what === "delete") {
					const { revision } = await request("delete", "/domains/{name}", { path, ifMatch: domain.revision });
					last = Math.max(last, revision ?? 0);
					made.push({ name: domain.name, before: domain.revision });
				} else {
					const { data } = await request("post", what === "start" ? "/domains/{name}/start" : "/domains/{name}/stop", {
						path,
						ifMatch: domain.revision,
					});
					last = Math.max(last, data.revision);
					// What was so already has no other revision.
					if (data.revision !== domain.revision)
						made.push({ name: domain.name, before: domain.revision, after: data.revision });
				}
			} catch (error) {
				failed.push(`${domain.name}: ${error instanceof Refused ? problemDetail(error) : c("unreachable")}`);
			}
			setDone((now) => (now ?? 0) + 1);
		});
		client.invalidateQueries({ queryKey: keys.domains });
		if (failed.length > 0)
			tell(t("bulkFailed", { n: failed.length, all: domains.length, why: failed.slice(0, 3).join("; ") }), "failed");
		if (made.length > 0) {
			follow({
				revision: last,
				words: t(DONE[what], { n: made.length }),
				undo: async () => {
					let newest = 0;
					await inTurn(made, async ({ name, before, after }) => {
						const answer = await request("post", "/domains/{name}/rollback", {
							path: { name },
							body: { revision: before },
							ifMatch: after,
						});
						newest = Math.max(newest, answer.revision ?? 0);
					});
					client.invalidateQueries({ queryKey: keys.domains });
					follow({ revision: newest, words: t("bulkUndone", { n: made.length }) });
				},
			});
		}
		onClose(true);
	}

	return (
		<Dialog
			title={t(TITLES[what], { n: domains.length })}
			onClose={isBusy ? undefined : () => onClose(false)}
			onSubmit={run}
			footer={
				<>
					<Button disabled={isBusy} onClick={() => onClose(false)}>
						{c("cancel")}
					</Button>
					<Button type="submit" theme={what === "start" ? "primary" : "danger"} loading={isBusy} disabled={!isReady}>
						{isBusy ? t("bulkProgress", { done, all: domains.length }) : t(what)}
					</Button>
				</>
			}
		>
			<p>{t(WORDS[what])}</p>
			<ul className="hw-bulk__names">
				{domains.slice(0, 100).map((domain) => (
					<li key={domain.name}>
						<code>{domain.name}</code>
					</li>
				))}
			</ul>
			{mustType && (
				<Field label={t("typeNumber", { n: domains.length })} id="bulk-number">
					<TextInput value={typed} onChange={setTyped} inputMode="numeric" />
				</Field>
			)}
		</Dialog>
	);
}
