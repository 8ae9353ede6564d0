// One domain out of many, or all of them: what is typed is looked up as one types.
import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useState } from "react";
import { SearchIcon } from "tdesign-icons-react";
import { get } from "../../api/client";
import { keys } from "../../api/queries";
import { useText } from "../../i18n/i18n";
import { monitoringTexts } from "../../i18n/monitoring";

const FOUND_MAX = 30;
const PAUSE_MS = 200;

interface Props {
	/** Undefined: all. */
	value?: string;
	onChange: (domain: string | undefined) => void;
}

export function DomainPicker({ value, onChange }: Props) {
	const t = useText(monitoringTexts);
	const id = useId();
	const [typed, setTyped] = useState(value ?? "");
	const [asked, setAsked] = useState("");
	useEffect(() => setTyped(value ?? ""), [value]);
	useEffect(() => {
		const timer = setTimeout(() => setAsked(typed.trim().toLowerCase()), PAUSE_MS);
		return () => clearTimeout(timer);
	}, [typed]);
	const found = useQuery({
		queryKey: [...keys.domains, "picker", asked],
		queryFn: ({ signal }) => get("/domains", { query: { search: asked || undefined, limit: FOUND_MAX }, signal }),
		staleTime: 30_000,
	});
	const names = found.data?.items.map((domain) => domain.name) ?? [];
	const name = typed.trim().toLowerCase();
	const isUnknown =
		name !== "" && name !== value && name === asked && found.isSuccess && !names.some((one) => one.includes(name));

	function take(text: string) {
		const wanted = text.trim().toLowerCase();
		if (wanted === "") onChange(undefined);
		else if (names.includes(wanted)) onChange(wanted);
	}
	return (
		<div className="hw-picker">
			<label className="hw-unseen" htmlFor={id}>
				{t("domain")}
			</label>
			<div className="t-input__wrap">
				<div className={`t-input t-input--prefix${isUnknown ? " t-is-error" : ""}`}>
					<span className="t-input__prefix t-input__prefix-icon">
						<SearchIcon />
					</span>
					<input
						id={id}
						className="t-input__inner"
						type="search"
						list={`${id}-list`}
						placeholder={t("allDomains")}
						autoComplete="off"
						spellCheck={false}
						value={typed}
						aria-invalid={isUnknown || undefined}
						aria-describedby={isUnknown ? `${id}-error` : undefined}
						onChange={(event) => {
							setTyped(event.target.value);
							take(event.target.value);
						}}
						onBlur={() => {
							if (!isUnknown && name !== "" && !names.includes(name)) setTyped(value ?? "");
						}}
					/>
				</div>
			</div>
			<datalist id={`${id}-list`}>
				{names.map((one) => (
					<option key={one} value={one} />
				))}
			</datalist>
			{isUnknown && (
				<p className="hw-field__error" id={`${id}-error`} role="alert">
					{t("noSuchDomain")}
				</p>
			)}
		</div>
	);
}
