// Which errors of an origin are shown, and in which words: those of fields that were left, or all once it was submitted.
import type { ReactNode } from "react";
import { useCallback, useState } from "react";
import { Refused } from "../../api/problem";
import type { ProblemError } from "../../api/types";
import { useText } from "../../i18n/i18n";
import { originTexts } from "../../i18n/origin";
import { errorWords } from "../../i18n/problems";

const RULES = ["R1", "R2"];

/**
 * `base` is where the origin is in what is sent ("" or "/origin"). `rest` are the errors of places outside of it, and of
 * the origin as a whole.
 */
export function useOriginErrors(error: unknown, base: string, role: "origin" | "backup") {
	const t = useText(originTexts);
	const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
	const [isAll, setIsAll] = useState(false);
	const errors = error instanceof Refused ? error.errors : [];
	const isMine = (one: ProblemError) =>
		one.pointer.startsWith(`${base}/`) && (base !== "" || !/^\/(backup|origin)(\/|$)/.test(one.pointer));

	function words(one: ProblemError): ReactNode {
		if (one.rule === "R2") return t("r2");
		if (one.rule === "R1") return t(role === "backup" ? "r1Backup" : "r1BackupOfBucket");
		return errorWords(one);
	}

	const errorOf = (pointer: string): ReactNode => {
		const isShown = isAll || left.has(pointer) || [...left].some((one) => pointer.startsWith(`${one}/`));
		const found = errors.find((one) => isMine(one) && one.pointer === base + pointer);
		// A rule is explained as soon as it bites; what is merely not typed yet is not.
		return found && (isShown || RULES.includes(found.rule)) ? words(found) : undefined;
	};
	const leave = useCallback(
		(pointer: string) => setLeft((now) => (now.has(pointer) ? now : new Set(now).add(pointer))),
		[],
	);
	return { errorOf, leave, showAll: () => setIsAll(true), isAll, rest: errors.filter((one) => !isMine(one)) };
}
