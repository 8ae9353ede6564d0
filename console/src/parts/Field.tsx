// Fields of forms: a label, the control, a hint, and what is wrong with it, all of which a screen reader connects.
import { type AriaAttributes, createContext, type InputHTMLAttributes, type ReactNode, useContext } from "react";
import "tdesign-react/es/input/style/index.css";

interface Wiring {
	id: string;
	describedBy?: string;
	isInvalid: boolean;
	isRequired: boolean;
}
const Context = createContext<Wiring | undefined>(undefined);

export interface FieldProps {
	label: ReactNode;
	/** The id of the control; unique on the page. */
	id: string;
	children: ReactNode;
	hint?: ReactNode;
	error?: ReactNode;
	isRequired?: boolean;
	/** Beside the label, at its end. */
	aside?: ReactNode;
	/** A group of controls (radios) has a legend in place of a label. */
	isGroup?: boolean;
}

/** One control with its label. The control is one of this file, which takes its id and descriptions from here. */
export function Field({ label, id, children, hint, error, isRequired = false, aside, isGroup }: FieldProps) {
	const described = [error ? `${id}-error` : "", hint ? `${id}-hint` : ""].filter(Boolean).join(" ") || undefined;
	const wiring: Wiring = { id, describedBy: described, isInvalid: Boolean(error), isRequired };
	return (
		<div
			className={`hw-field${error ? " hw-field--error" : ""}`}
			{...(isGroup && { role: "group", "aria-labelledby": `${id}-label`, "aria-describedby": described })}
		>
			<div className="hw-field__head">
				{isGroup ? (
					<span className="hw-field__label" id={`${id}-label`}>
						{label}
					</span>
				) : (
					<label className="hw-field__label" htmlFor={id} id={`${id}-label`}>
						{label}
						{isRequired && (
							<span className="hw-field__star" aria-hidden="true">
								*
							</span>
						)}
					</label>
				)}
				{aside}
			</div>
			<Context.Provider value={wiring}>{children}</Context.Provider>
			{error ? (
				<p className="hw-field__error" id={`${id}-error`} role="alert">
					{error}
				</p>
			) : null}
			{hint ? (
				<p className="hw-field__hint" id={`${id}-hint`}>
					{hint}
				</p>
			) : null}
		</div>
	);
}

/** What a control within a Field is described with. */
export function useWiring(): AriaAttributes & { id?: string } {
	const wiring = useContext(Context);
	if (!wiring) return {};
	return {
		id: wiring.id,
		"aria-describedby": wiring.describedBy,
		"aria-invalid": wiring.isInvalid || undefined,
		"aria-required": wiring.isRequired || undefined,
	};
}

export interface TextInputProps
	extends Pick<
			InputHTMLAttributes<HTMLInputElement>,
			"autoComplete" | "autoFocus" | "spellCheck" | "autoCapitalize" | "inputMode"
		>,
		Pick<AriaAttributes, "aria-label"> {
	value: string;
	onChange: (value: string) => void;
	onBlur?: () => void;
	onEnter?: () => void;
	type?: "text" | "password" | "search" | "number";
	placeholder?: string;
	size?: "small" | "medium" | "large";
	readOnly?: boolean;
	disabled?: boolean;
	isInvalid?: boolean;
	suffix?: React.ReactElement;
	prefix?: React.ReactElement;
	/** A name of its own for a control that is one of several in a Field. */
	id?: string;
	isCode?: boolean;
	/** The id of what describes it, where it stands in no Field of its own. */
	describedBy?: string;
	/** Marks it as the first of a row. */
	isHost?: boolean;
}

/** A line of text: an input in TDesign's looks (its own keeps ids and descriptions from the input). */
export function TextInput({
	value,
	onChange,
	onBlur,
	onEnter,
	suffix,
	prefix,
	isInvalid,
	isCode,
	type = "text",
	size = "medium",
	describedBy,
	isHost,
	...rest
}: TextInputProps) {
	const wiring = useWiring();
	const isWrong = isInvalid ?? Boolean(wiring["aria-invalid"]);
	const looks = [
		"t-input",
		size !== "medium" && `t-size-${size[0]}`,
		isWrong && "t-is-error",
		rest.disabled && "t-is-disabled",
	];
	return (
		<div className={`t-input__wrap${isCode ? " hw-code" : ""}`}>
			<div className={[...looks, prefix && "t-input--prefix", suffix && "t-input--suffix"].filter(Boolean).join(" ")}>
				{prefix && <span className="t-input__prefix t-input__prefix-icon">{prefix}</span>}
				<input
					autoComplete="off"
					{...wiring}
					{...(describedBy && { "aria-describedby": describedBy })}
					{...(isHost && { "data-host": true })}
					{...rest}
					aria-invalid={isWrong || undefined}
					className="t-input__inner"
					type={type}
					value={value}
					onChange={(event) => onChange(event.target.value)}
					onBlur={onBlur}
					onKeyDown={(event) => {
						if (event.key === "Enter" && onEnter && !event.nativeEvent.isComposing) {
							event.preventDefault();
							onEnter();
						}
					}}
				/>
				{suffix && <span className="t-input__suffix t-input__suffix-icon">{suffix}</span>}
			</div>
		</div>
	);
}

export interface Option<V extends string> {
	value: V;
	label: string;
	disabled?: boolean;
}

interface SelectProps<V extends string> extends Pick<AriaAttributes, "aria-label"> {
	value: V;
	onChange: (value: V) => void;
	options: readonly Option<V>[];
	size?: "small" | "medium";
	disabled?: boolean;
	id?: string;
}

/** One of several: the browser's own list, which every keyboard and screen reader knows, in TDesign's looks. */
export function Select<V extends string>({ value, onChange, options, size = "medium", ...rest }: SelectProps<V>) {
	const wiring = useWiring();
	return (
		<select
			{...wiring}
			{...rest}
			className={`hw-select hw-select--${size}`}
			value={value}
			onChange={(event) => onChange(event.target.value as V)}
		>
			{options.map((option) => (
				<option key={option.value} value={option.value} disabled={option.disabled}>
					{option.label}
				</option>
			))}
		</select>
	);
}

interface ChoiceProps<V extends string> {
	value: V;
	onChange: (value: V) => void;
	options: readonly (Option<V> & { hint?: ReactNode })[];
	name: string;
}

/** One of a few that are all shown. Within a Field with `isGroup`. */
export function Choice<V extends string>({ value, onChange, options, name }: ChoiceProps<V>) {
	return (
		<div className="hw-choice">
			{options.map((option) => (
				<label key={option.value} className={`hw-choice__one${option.disabled ? " hw-choice__one--disabled" : ""}`}>
					<input
						type="radio"
						name={name}
						value={option.value}
						checked={value === option.value}
						disabled={option.disabled}
						onChange={() => onChange(option.value)}
					/>
					<span className="hw-choice__label">{option.label}</span>
					{option.hint ? <span className="hw-choice__hint">{option.hint}</span> : null}
				</label>
			))}
		</div>
	);
}

interface TickProps extends Pick<AriaAttributes, "aria-label"> {
	checked: boolean;
	isPartly?: boolean;
	onChange: (checked: boolean) => void;
	children?: ReactNode;
	disabled?: boolean;
}

/** A box to tick. */
export function Tick({ checked, isPartly = false, onChange, children, disabled, ...rest }: TickProps) {
	return (
		<label className="hw-tick">
			<input
				type="checkbox"
				checked={checked}
				disabled={disabled}
				ref={(box) => {
					if (box) box.indeterminate = isPartly;
				}}
				onChange={(event) => onChange(event.target.checked)}
				{...rest}
			/>
			{children ? <span>{children}</span> : null}
		</label>
	);
}

interface SwitchProps extends Pick<AriaAttributes, "aria-label"> {
	checked: boolean;
	onChange: (checked: boolean) => void;
	disabled?: boolean;
}

/** On or off. */
export function Switch({ checked, onChange, disabled, ...rest }: SwitchProps) {
	const { "aria-required": _, ...wiring } = useWiring();
	return (
		<button
			type="button"
			role="switch"
			aria-checked={checked}
			className="hw-switch"
			disabled={disabled}
			onClick={() => onChange(!checked)}
			{...wiring}
			{...rest}
		>
			<span />
		</button>
	);
}
