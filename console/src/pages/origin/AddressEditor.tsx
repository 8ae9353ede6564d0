// The addresses of an origin, a row for each: host, port, weight.
import { useRef, useState } from "react";
import { AddIcon, DeleteIcon } from "tdesign-icons-react";
import { useText } from "../../i18n/i18n";
import { originTexts } from "../../i18n/origin";
import { Button } from "../../parts/Button";
import { TextInput } from "../../parts/Field";
import { type AddressParts, formatAddress, parseAddress, splitAddresses } from "./address";

const MAX = 32;

interface Props {
	value: readonly string[];
	onChange: (value: string[]) => void;
	/** What is wrong with one, by where it stands. */
	errorOf: (index: number) => string | undefined;
	onLeave: () => void;
	/** The port of the protocol. */
	defaultPort: string;
	/** Of the form, so that ids are unique. */
	prefix: string;
}

export function AddressEditor({ value, onChange, errorOf, onLeave, defaultPort, prefix }: Props) {
	const t = useText(originTexts);
	const [rows, setRows] = useState(() => value.map(parseAddress));
	const written = rows.map(formatAddress);
	// Another value than what was typed here comes from elsewhere: another's edit, or the way back.
	if (written.length !== value.length || written.some((one, at) => one !== value[at])) setRows(value.map(parseAddress));
	const list = useRef<HTMLUListElement>(null);

	function focus(index: number) {
		requestAnimationFrame(() => list.current?.querySelectorAll<HTMLInputElement>("input[data-host]")[index]?.focus());
	}
	function become(next: AddressParts[]) {
		setRows(next);
		onChange(next.map(formatAddress));
	}
	function put(index: number, part: keyof AddressParts, text: string) {
		const several = part === "host" ? splitAddresses(text) : [];
		if (several.length > 1) become(rows.toSpliced(index, 1, ...several.map(parseAddress)).slice(0, MAX));
		else become(rows.map((row, at) => (at === index ? { ...row, [part]: text } : row)));
	}
	// A whole address that was typed or pasted into the field of the host is taken apart when it is left.
	function settle(index: number) {
		setRows((now) => now.map((row, at) => (at === index ? parseAddress(formatAddress(row)) : row)));
		onLeave();
	}

	return (
		<div className="hw-addresses">
			<div className="hw-addresses__head" aria-hidden="true">
				<span>{t("address")}</span>
				<span>{t("port")}</span>
				<span>{t("weight")}</span>
			</div>
			<ul ref={list}>
				{rows.map((parts, index) => {
					const error = errorOf(index);
					const id = `${prefix}-address-${index}`;
					return (
						// biome-ignore lint/suspicious/noArrayIndexKey: a row is where it stands
						<li key={index}>
							<div className="hw-addresses__row">
								<TextInput
									id={id}
									aria-label={t("addressN", { n: index + 1 })}
									isCode
									value={parts.host}
									onChange={(next) => put(index, "host", next)}
									onBlur={() => settle(index)}
									isInvalid={Boolean(error)}
									placeholder={index === 0 ? "203.0.113.10" : ""}
									spellCheck={false}
									autoCapitalize="none"
									describedBy={error ? `${id}-error` : undefined}
									isHost
								/>
								<TextInput
									id={`${id}-port`}
									aria-label={t("portN", { n: index + 1 })}
									isCode
									inputMode="numeric"
									value={parts.port}
									onChange={(next) => put(index, "port", next)}
									onBlur={() => settle(index)}
									isInvalid={Boolean(error)}
									placeholder={defaultPort}
								/>
								<TextInput
									id={`${id}-weight`}
									aria-label={t("weightN", { n: index + 1 })}
									isCode
									inputMode="numeric"
									value={parts.weight}
									onChange={(next) => put(index, "weight", next)}
									onBlur={() => settle(index)}
									isInvalid={Boolean(error)}
									placeholder="1"
								/>
								<Button
									variant="text"
									shape="square"
									icon={<DeleteIcon />}
									aria-label={t("removeAddressN", { n: index + 1 })}
									disabled={rows.length === 1}
									onClick={() => {
										become(rows.filter((_, at) => at !== index));
										focus(Math.max(0, index - 1));
									}}
								/>
							</div>
							{error && (
								<p className="hw-field__error" id={`${id}-error`} role="alert">
									{error}
								</p>
							)}
						</li>
					);
				})}
			</ul>
			<Button
				variant="dashed"
				icon={<AddIcon />}
				disabled={rows.length >= MAX}
				onClick={() => {
					become([...rows, { host: "", port: "", weight: "" }]);
					focus(rows.length);
				}}
			>
				{t("addAddress")}
			</Button>
		</div>
	);
}
