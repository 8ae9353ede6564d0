// A state at a glance: a dot whose colour is said in words, too.
import type { ReactNode } from "react";

export type Tone = "good" | "bad" | "warn" | "busy" | "idle";

/** `children` are the words; with `isBare` they are for screen readers and the pointer alone. */
export function StateDot({ tone, children, isBare }: { tone: Tone; children: ReactNode; isBare?: boolean }) {
	return (
		<span className="hw-dot" title={isBare && typeof children === "string" ? children : undefined}>
			<span className={`hw-dot__mark hw-dot__mark--${tone}`} aria-hidden="true" />
			<span className={isBare ? "hw-unseen" : undefined}>{children}</span>
		</span>
	);
}
