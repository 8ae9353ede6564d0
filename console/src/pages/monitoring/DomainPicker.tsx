// One domain out of many, or all of them.
import { useEffect, useState } from "react";
import { useText } from "../../i18n/i18n";
import { monitoringTexts } from "../../i18n/monitoring";
import { DomainInput } from "../../parts/DomainInput";

interface Props {
	/** Undefined: all. */
	value?: string;
	onChange: (domain: string | undefined) => void;
}

/** Also takes a domain that is no more: what was counted of it is there. */
export function DomainPicker({ value, onChange }: Props) {
	const t = useText(monitoringTexts);
	const [typed, setTyped] = useState(value ?? "");
	useEffect(() => setTyped(value ?? ""), [value]);

	function take(name: string) {
		const wanted = name.trim().toLowerCase() || undefined;
		if (wanted !== value) onChange(wanted);
	}
	return (
		<div className="hw-picker">
			<DomainInput
				aria-label={t("domain")}
				placeholder={t("allDomains")}
				value={typed}
				onChange={(next) => {
					setTyped(next);
					if (next === "") take("");
				}}
				onPick={take}
				onBlur={() => take(typed)}
			/>
		</div>
	);
}
