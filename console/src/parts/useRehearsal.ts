// A dry run of what is typed, a moment after it was typed: so a form is checked by the server's own rules while it is
// filled in, and can show what would change.
import { useEffect, useRef, useState } from "react";
import type { DryRun } from "../api/types";

const PAUSE_MS = 250;

export interface Rehearsal {
	/** What would change, of what is typed now or a moment ago. */
	result?: DryRun;
	error?: unknown;
	/** What is typed now has not been answered yet. */
	isPending: boolean;
}

/** `key` is all that the request depends on; another key is another dry run. Without `isOn` nothing is asked. */
export function useRehearsal(key: string, run: (signal: AbortSignal) => Promise<DryRun>, isOn = true): Rehearsal {
	const [answer, setAnswer] = useState<{ key: string; result?: DryRun; error?: unknown }>();
	const latest = useRef(run);
	latest.current = run;
	useEffect(() => {
		if (!isOn) return;
		const abort = new AbortController();
		const timer = setTimeout(() => {
			latest.current(abort.signal).then(
				(result) => setAnswer({ key, result }),
				(error) => {
					if (!abort.signal.aborted) setAnswer({ key, error });
				},
			);
		}, PAUSE_MS);
		return () => {
			clearTimeout(timer);
			abort.abort();
		};
	}, [key, isOn]);
	return { result: answer?.result, error: answer?.error, isPending: isOn && answer?.key !== key };
}
