// The attempts of a request: small marks for the table, and a timeline for the request that is opened.
import { useText } from "../../i18n/i18n";
import { logTexts } from "../../i18n/logs";
import { Tag } from "../../parts/Tag";
import { type Attempt, barsOf, isGoodAttempt, type LogLine, toneOfStatus } from "./lines";
import { anyFaultWords, named, took } from "./words";

const MARKS_MAX = 5;

function useRole() {
	const t = useText(logTexts);
	return (attempt: Attempt) => t(attempt.role === "backup" ? "backupRole" : "master");
}

/** One mark for each attempt: which role, and whether it went well. */
export function AttemptMarks({ line }: { line: LogLine }) {
	const t = useText(logTexts);
	const role = useRole();
	if (line.attempts.length === 0) return <span className="hw-quiet">—</span>;
	return (
		<span className="hw-marks">
			{line.attempts.slice(0, MARKS_MAX).map((attempt, index) => {
				const isGood = isGoodAttempt(attempt);
				return (
					<span
						// biome-ignore lint/suspicious/noArrayIndexKey: an attempt is its place
						key={index}
						className={`hw-mark hw-mark--${isGood ? "good" : "bad"}`}
						title={t(isGood ? "attemptGood" : "attemptBad", {
							role: role(attempt),
							address: attempt.address,
							status: attempt.status,
							reason: anyFaultWords(attempt.reason),
						})}
					>
						{t(attempt.role === "backup" ? "backupShort" : "masterShort")}
						<span aria-hidden="true">{isGood ? "✓" : "✕"}</span>
					</span>
				);
			})}
			{line.attempts.length > MARKS_MAX && <span className="hw-quiet">+{line.attempts.length - MARKS_MAX}</span>}
		</span>
	);
}

function Step({ attempt, bar, index }: { attempt: Attempt; bar: { from: number; width: number }; index: number }) {
	const t = useText(logTexts);
	const role = useRole();
	const isGood = isGoodAttempt(attempt);
	return (
		<li className={`hw-step hw-step--${isGood ? "good" : "bad"}`}>
			<span className="hw-step__dot" aria-hidden="true">
				{index + 1}
			</span>
			<div className="hw-step__body">
				<div className="hw-step__head">
					<Tag tone={attempt.role === "backup" ? "warn" : "brand"}>{role(attempt)}</Tag>
					<code className="hw-step__address">{attempt.address || "—"}</code>
					<span className="hw-step__took hw-number">{took(attempt.ms)}</span>
				</div>
				<div className="hw-step__track" aria-hidden="true">
					<span
						className="hw-step__bar"
						style={{ left: `${bar.from * 100}%`, width: `${Math.max(bar.width * 100, 0.6)}%` }}
					/>
				</div>
				<p className="hw-step__words">
					{!isGood && (
						<>
							<strong>{anyFaultWords(attempt.reason)}</strong> <code>{attempt.reason}</code>
							{" · "}
						</>
					)}
					{attempt.status > 0 ? (
						<Tag tone={toneOfStatus(attempt.status)}>{t("answered", { status: attempt.status })}</Tag>
					) : (
						t("noAnswer")
					)}
					{" · "}
					{t("came", { phase: named("phase", attempt.phase) })}
					{" · "}
					{t(attempt.reused ? "reused" : "fresh")}
				</p>
				{attempt.detail && <p className="hw-step__detail">{attempt.detail}</p>}
				<p className="hw-step__next">
					<span aria-hidden="true">→ </span>
					{named("next", attempt.next)}
				</p>
			</div>
		</li>
	);
}

export function Timeline({ line }: { line: LogLine }) {
	const t = useText(logTexts);
	const bars = barsOf(line);
	return (
		<ol className="hw-steps" aria-label={t("timeline")}>
			{line.attempts.map((attempt, index) => (
				// biome-ignore lint/suspicious/noArrayIndexKey: an attempt is its place
				<Step key={index} attempt={attempt} bar={bars[index] ?? { from: 0, width: 0 }} index={index} />
			))}
		</ol>
	);
}
