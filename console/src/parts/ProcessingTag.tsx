// Whether a change of a domain is on its way: `Processing` until all edges have it, and for a moment that it is done.
import { useEffect, useState, useSyncExternalStore } from "react";
import { common } from "../i18n/common";
import { useText } from "../i18n/i18n";
import { followed, type Progress } from "./changes";
import { Tag } from "./Tag";

const DONE_SHOWN_MS = 4000;

/** The newest change of a domain that is followed in this page. */
export function useNewestChange(domain: string) {
	const changes = useSyncExternalStore(followed.subscribe, followed.now);
	return changes.findLast((change) => change.domain === domain);
}

/** How far something is, as a tag. */
export function ProgressTag({ progress }: { progress: Progress }) {
	const t = useText(common);
	if (progress.state === "processing") {
		return (
			<Tag
				tone="busy"
				title={progress.all > 0 ? t("processingOn", { done: progress.done, all: progress.all }) : undefined}
			>
				<span className="hw-spin" aria-hidden="true" />
				{t("processing")}
			</Tag>
		);
	}
	if (progress.state === "done") return <Tag tone="good">{t("done")}</Tag>;
	return (
		<Tag tone="bad" title={progress.why}>
			{t("problem")}
		</Tag>
	);
}

export function ProcessingTag({ domain }: { domain: string }) {
	const change = useNewestChange(domain);
	const [hiddenId, setHiddenId] = useState<number>();
	const isDone = change?.progress.state === "done";
	const id = change?.id;
	useEffect(() => {
		if (!isDone) return;
		const timer = setTimeout(() => setHiddenId(id), DONE_SHOWN_MS);
		return () => clearTimeout(timer);
	}, [isDone, id]);
	return (
		<span role="status" className="hw-processing">
			{change && change.id !== hiddenId && <ProgressTag progress={change.progress} />}
		</span>
	);
}
