// Why origin-pulls failed, in words.
import { faultWords } from "../../i18n/faults";
import { say } from "../../i18n/i18n";
import { monitoringTexts } from "../../i18n/monitoring";

/** In words, for the names of `failuresOf`. */
export function reasonWords(reason: string): string {
	if (reason === "status_4xx" || reason === "status_5xx") return say(monitoringTexts[reason]);
	return faultWords(reason);
}
