// A request that failed, in words: what the API said, or that nobody answers.
import { isRefused } from "../api/problem";
import type { ProblemError } from "../api/types";
import { common } from "../i18n/common";
import { useText } from "../i18n/i18n";
import { errorWords, problemDetail, problemTitle } from "../i18n/problems";
import { Alert } from "./Alert";
import { Button } from "./Button";

interface Props {
	error: unknown;
	/** Errors that are not shown beside a field already; by default all of them. */
	errors?: readonly ProblemError[];
	onRetry?: () => void;
}

export function ProblemAlert({ error, errors, onRetry }: Props) {
	const t = useText(common);
	if (!error) return null;
	const action = onRetry && (
		<Button variant="text" theme="primary" size="small" onClick={onRetry}>
			{t("retry")}
		</Button>
	);
	if (!isRefused(error)) {
		const isKnown = error instanceof Error && error.name === "Unreachable";
		return (
			<Alert tone="error" title={t(isKnown ? "unreachable" : "problem")} action={action}>
				{isKnown ? t("unreachableHint") : String(error instanceof Error ? error.message : error)}
			</Alert>
		);
	}
	const list = errors ?? error.errors;
	return (
		<Alert tone="error" title={problemTitle(error)} action={action}>
			{list.length > 0 ? (
				<ul className="hw-problem">
					{list.map((one) => (
						<li key={`${one.pointer} ${one.rule} ${one.detail}`}>
							{one.pointer && <code>{one.pointer.slice(1).replaceAll("/", ".")}</code>} {errorWords(one)}
						</li>
					))}
				</ul>
			) : (
				<span>{problemDetail(error)}</span>
			)}
		</Alert>
	);
}
