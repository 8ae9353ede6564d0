// Purge: what edges are to forget, how far they are, and what was purged so far. The address may say what the form begins
// with: ?what=domain&value=www.example.com
import { useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { common } from "../../i18n/common";
import { useText } from "../../i18n/i18n";
import { purgeTexts } from "../../i18n/purge";
import { shellTexts } from "../../i18n/shell";
import { Button } from "../../parts/Button";
import { Card } from "../../parts/Card";
import { Page } from "../../shell/Page";
import { EMPTY, type PurgeDraft, PurgeForm } from "./PurgeForm";
import { PurgeHistory } from "./PurgeHistory";
import { PurgeProgress } from "./PurgeProgress";
import type { What } from "./values";
import "./purge.css";

const WHATS = new Set<string>(["url", "prefix", "domain", "tag"]);

function draftOf(asked: URLSearchParams): PurgeDraft {
	const what = asked.get("what") ?? "";
	if (!WHATS.has(what)) return EMPTY;
	const values = asked.getAll("value");
	return {
		what: what as What,
		text: what === "domain" ? "" : values.join("\n"),
		domains: what === "domain" ? values : [],
		domain: asked.get("domain") ?? "",
		mode: asked.get("mode") === "soft" ? "soft" : "hard",
	};
}

export default function PurgePage() {
	const t = useText(purgeTexts);
	const s = useText(shellTexts);
	const c = useText(common);
	const [asked] = useSearchParams();
	const [draft, setDraft] = useState(() => draftOf(asked));
	const [number, setNumber] = useState<number>();
	const top = useRef<HTMLDivElement>(null);
	return (
		<Page title={s("purge")} lead={t("lead")}>
			<div ref={top} className="hw-purge__top">
				<PurgeForm draft={draft} onChange={setDraft} onMade={setNumber} />
			</div>
			{number !== undefined && (
				<Card
					title={t("purge", { number })}
					id="progress"
					actions={
						<Button variant="text" size="small" onClick={() => setNumber(undefined)}>
							{c("close")}
						</Button>
					}
				>
					<PurgeProgress number={number} />
				</Card>
			)}
			<PurgeHistory
				onRepeat={(next) => {
					setDraft(next);
					top.current?.scrollIntoView({ block: "center" });
				}}
			/>
		</Page>
	);
}
