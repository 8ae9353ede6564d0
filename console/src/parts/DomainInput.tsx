// The name of a domain, with those that have what is typed in them below: a combobox, as WAI-ARIA has it.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type AriaAttributes, useEffect, useId, useRef, useState } from "react";
import { get } from "../api/client";
import { keys } from "../api/queries";
import { common } from "../i18n/common";
import { useText } from "../i18n/i18n";
import { useWiring } from "./Field";
import "./domain-input.css";

const SHOWN = 12;
const WAIT_MS = 150;

interface Props extends Pick<AriaAttributes, "aria-label"> {
	value: string;
	onChange: (value: string) => void;
	/** One was chosen, from the list or by Enter. */
	onPick?: (name: string) => void;
	onBlur?: () => void;
	/** Names that are not offered. */
	without?: readonly string[];
	placeholder?: string;
	disabled?: boolean;
	size?: "small" | "medium";
}

export function DomainInput({ value, onChange, onPick, onBlur, without = [], size = "medium", ...rest }: Props) {
	const t = useText(common);
	const wiring = useWiring();
	const listId = useId();
	const [isOpen, setIsOpen] = useState(false);
	const [at, setAt] = useState(-1);
	const [term, setTerm] = useState(value);
	const box = useRef<HTMLDivElement>(null);

	useEffect(() => {
		const timer = setTimeout(() => setTerm(value.trim().toLowerCase()), WAIT_MS);
		return () => clearTimeout(timer);
	}, [value]);
	const found = useQuery({
		queryKey: [...keys.domains, "names", term],
		queryFn: ({ signal }) =>
			get("/domains", { query: { search: term || undefined, limit: SHOWN + without.length }, signal }),
		enabled: isOpen,
		placeholderData: keepPreviousData,
	});
	const names = (found.data?.items ?? [])
		.map((one) => one.name)
		.filter((name) => !without.includes(name))
		.slice(0, SHOWN);
	const isShown = isOpen && names.length > 0 && !(names.length === 1 && names[0] === value && !onPick);
	const active = isShown && at >= 0 && at < names.length ? names[at] : undefined;

	useEffect(() => {
		if (active) box.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
	}, [active]);

	function pick(name: string) {
		setIsOpen(false);
		setAt(-1);
		if (onPick) onPick(name);
		else onChange(name);
	}

	function onKey(event: React.KeyboardEvent) {
		if (event.nativeEvent.isComposing) return;
		const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
		const step = steps[event.key];
		if (step !== undefined) {
			event.preventDefault();
			setIsOpen(true);
			if (names.length > 0) setAt((at + step + (at < 0 && step < 0 ? 1 : 0) + names.length) % names.length);
		} else if (event.key === "Escape" && isShown) {
			event.preventDefault();
			setIsOpen(false);
		} else if (event.key === "Enter" && (active || (onPick && value.trim()))) {
			event.preventDefault();
			pick(active ?? value.trim());
		}
	}

	return (
		// biome-ignore lint/a11y/noStaticElementInteractions: it only hears that the focus has left
		<div
			className="hw-combo"
			ref={box}
			onBlur={(event) => {
				if (box.current?.contains(event.relatedTarget)) return;
				setIsOpen(false);
				setAt(-1);
				onBlur?.();
			}}
		>
			<div className="t-input__wrap">
				<div
					className={[
						"t-input",
						size === "small" && "t-size-s",
						wiring["aria-invalid"] && "t-is-error",
						rest.disabled && "t-is-disabled",
					]
						.filter(Boolean)
						.join(" ")}
				>
					<input
						{...wiring}
						{...rest}
						className="t-input__inner"
						role="combobox"
						aria-expanded={isShown}
						aria-controls={listId}
						aria-autocomplete="list"
						aria-activedescendant={active ? `${listId}-${at}` : undefined}
						autoComplete="off"
						spellCheck={false}
						autoCapitalize="none"
						value={value}
						onChange={(event) => {
							onChange(event.target.value);
							setIsOpen(true);
							setAt(-1);
						}}
						onFocus={() => setIsOpen(true)}
						onClick={() => setIsOpen(true)}
						onKeyDown={onKey}
					/>
				</div>
			</div>
			<div id={listId} role="listbox" aria-label={t("suggestions")} className="hw-combo__list" hidden={!isShown}>
				{isShown &&
					names.map((name, index) => (
						<div
							key={name}
							id={`${listId}-${index}`}
							role="option"
							tabIndex={-1}
							aria-selected={index === at}
							className="hw-combo__one"
							onMouseEnter={() => setAt(index)}
							onMouseDown={(event) => {
								event.preventDefault();
								pick(name);
							}}
						>
							{name}
						</div>
					))}
			</div>
		</div>
	);
}
