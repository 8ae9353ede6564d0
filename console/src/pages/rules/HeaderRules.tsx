// Rules for header fields, a row for each.
import type { ReactNode } from "react";
import { AddIcon, ArrowUpIcon, DeleteIcon } from "tdesign-icons-react";
import { useText } from "../../i18n/i18n";
import { ruleTexts } from "../../i18n/rules";
import { Button } from "../../parts/Button";
import { Select, TextInput } from "../../parts/Field";
import { ACTIONS, type HeaderRule, ruleOf, textOf } from "./rules";

interface Props {
	id: string;
	/** What the list is called, for names of controls. */
	where: string;
	value: readonly string[];
	onChange: (value: readonly string[]) => void;
	/** What is wrong with the rule of a row. */
	errorOf: (row: number) => ReactNode;
	isDisabled: boolean;
	reason?: string;
}

const MOST = 32;

export function HeaderRules({ id, where, value, onChange, errorOf, isDisabled, reason }: Props) {
	const t = useText(ruleTexts);
	const set = (row: number, part: Partial<HeaderRule>) =>
		onChange(value.map((text, index) => (index === row ? textOf({ ...ruleOf(text), ...part }) : text)));
	function up(row: number) {
		const next = [...value];
		next.splice(row - 1, 2, value[row] as string, value[row - 1] as string);
		onChange(next);
	}

	return (
		<div className="hw-header-rules">
			{value.length === 0 && <p className="hw-quiet">{t("noRules")}</p>}
			{value.map((text, row) => {
				const rule = ruleOf(text);
				const error = errorOf(row);
				const words = { number: row + 1, where };
				const described = error ? `${id}-${row}-error` : undefined;
				return (
					// biome-ignore lint/suspicious/noArrayIndexKey: a rule is its place
					<div key={row} className="hw-header-rules__row">
						<Select
							id={`${id}-${row}-action`}
							aria-label={t("ruleAction", words)}
							value={rule.action}
							disabled={isDisabled}
							onChange={(action) => set(row, { action })}
							options={ACTIONS.map((action) => ({ value: action, label: t(`action_${action}`) }))}
						/>
						<TextInput
							id={`${id}-${row}-name`}
							aria-label={t("ruleName", words)}
							value={rule.name}
							placeholder={t("namePlaceholder")}
							disabled={isDisabled}
							onChange={(name) => set(row, { name: name.replace(/[:\s]/g, "") })}
							isInvalid={Boolean(error)}
							describedBy={described}
							spellCheck={false}
							autoCapitalize="none"
							isCode
						/>
						{rule.action === "delete" ? (
							<span className="hw-header-rules__none" />
						) : (
							<TextInput
								id={`${id}-${row}-value`}
								aria-label={t("ruleValue", words)}
								value={rule.value}
								placeholder={t("valuePlaceholder")}
								disabled={isDisabled}
								onChange={(text) => set(row, { value: text })}
								isInvalid={Boolean(error)}
								describedBy={described}
								spellCheck={false}
								autoCapitalize="none"
								isCode
							/>
						)}
						<span className="hw-row hw-nowrap">
							<Button
								variant="text"
								aria-label={t("ruleUp", words)}
								icon={<ArrowUpIcon aria-hidden="true" />}
								disabled={isDisabled || row === 0}
								onClick={() => up(row)}
							/>
							<Button
								variant="text"
								aria-label={t("ruleRemove", words)}
								icon={<DeleteIcon aria-hidden="true" />}
								disabled={isDisabled}
								onClick={() => onChange(value.filter((_, index) => index !== row))}
							/>
						</span>
						{error ? (
							<p className="hw-field__error" id={described} role="alert">
								{error}
							</p>
						) : null}
					</div>
				);
			})}
			<div>
				<Button
					size="small"
					icon={<AddIcon aria-hidden="true" />}
					aria-label={`${t("addRule")}: ${where}`}
					disabled={isDisabled || value.length >= MOST}
					title={reason}
					onClick={() => onChange([...value, "set : "])}
				>
					{t("addRule")}
				</Button>
			</div>
		</div>
	);
}
