// The messages at the corner: each change with how far it is, and the way back.
import { useEffect, useState, useSyncExternalStore } from "react";
import { CheckCircleFilledIcon, CloseIcon, ErrorCircleFilledIcon } from "tdesign-icons-react";
import { Refused } from "../api/problem";
import { common } from "../i18n/common";
import { useText } from "../i18n/i18n";
import { problemDetail } from "../i18n/problems";
import { shellTexts } from "../i18n/shell";
import { Button } from "./Button";
import { dismiss, type FollowedChange, followed, tell } from "./changes";

const SHOWN_MS = 12000;

function Message({ change }: { change: FollowedChange }) {
	const t = useText(common);
	const s = useText(shellTexts);
	const [isBusy, setIsBusy] = useState(false);
	const [isHeld, setIsHeld] = useState(false);
	const { progress, id } = change;
	const isOver = progress.state === "done";

	useEffect(() => {
		if (!isOver || isHeld) return;
		const timer = setTimeout(() => dismiss(id), SHOWN_MS);
		return () => clearTimeout(timer);
	}, [isOver, isHeld, id]);

	async function undo() {
		setIsBusy(true);
		try {
			await change.undo?.();
			dismiss(id);
		} catch (error) {
			tell(t("problem"), "failed", error instanceof Refused ? problemDetail(error) : t("unreachable"));
			setIsBusy(false);
		}
	}

	const words =
		progress.state === "processing"
			? progress.all > 0
				? t("processingOn", { done: progress.done, all: progress.all })
				: t("processing")
			: progress.state === "done"
				? progress.all < 0
					? ""
					: progress.all === 0
						? t("doneAlone")
						: t("doneOn", { all: progress.all })
				: progress.state === "refused"
					? t("refusedBy", { why: progress.why })
					: progress.why;
	return (
		// biome-ignore lint/a11y/noStaticElementInteractions: the pointer and the focus only hold it back from going
		<div
			className={`hw-message hw-message--${progress.state}`}
			onMouseEnter={() => setIsHeld(true)}
			onMouseLeave={() => setIsHeld(false)}
			onFocus={() => setIsHeld(true)}
			onBlur={() => setIsHeld(false)}
		>
			<span className="hw-message__icon" aria-hidden="true">
				{progress.state === "processing" ? (
					<span className="hw-spin" />
				) : progress.state === "done" ? (
					<CheckCircleFilledIcon />
				) : (
					<ErrorCircleFilledIcon />
				)}
			</span>
			<div className="hw-message__text">
				<p>{change.words}</p>
				{words && <p className="hw-message__state">{words}</p>}
			</div>
			{change.undo && (
				<Button variant="text" theme="primary" size="small" loading={isBusy} onClick={undo}>
					{t("undo")}
				</Button>
			)}
			<button type="button" className="hw-message__close" aria-label={s("dismiss")} onClick={() => dismiss(id)}>
				<CloseIcon />
			</button>
		</div>
	);
}

export function Messages() {
	const s = useText(shellTexts);
	const changes = useSyncExternalStore(followed.subscribe, followed.now);
	const shown = changes.filter((change) => !change.isDismissed).slice(-4);
	return (
		<section className="hw-messages" aria-label={s("notifications")} aria-live="polite">
			{shown.map((change) => (
				<Message key={change.id} change={change} />
			))}
		</section>
	);
}
